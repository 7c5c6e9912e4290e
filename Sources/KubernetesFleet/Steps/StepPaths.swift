/// Where a step finds and leaves things in its container.
package enum StepPaths {
  /// The folder of the document, read-only.
  package static let plan = "/etc/windlass/plan"
  /// The document itself.
  package static let document = plan + "/plan.json"
  /// The key of the ConfigMap.
  package static let documentKey = "plan.json"
  /// What is kept between steps: backups, evidence, unpacked archives.
  package static let volume = "/var/lib/windlass/volume"
  /// What goes with the pod.
  package static let work = "/var/lib/windlass/work"
  /// Where the kubelet reads the message from.
  package static let message = "/dev/termination-log"
}

/// Variables of a step's environment.
package enum StepVariables {
  /// The database's URL with the rights of the step's role.
  package static let database = "WINDLASS_DATABASE_URL"
  /// The URL of the server for scratch databases.
  package static let scratch = "WINDLASS_SCRATCH_URL"
  /// The URL of a replica that backfills wait for, by its place in the document.
  ///
  /// - Parameter index: from 0.
  package static func replica(_ index: Int) -> String { "WINDLASS_REPLICA_URL_\(index + 1)" }

  /// The address of the step's own pod, where the server beside it listens as it does for others.
  package static let serverAddress = "WINDLASS_SERVER_ADDRESS"
  /// The port of the rehearsed server there.
  package static let serverPort = "WINDLASS_SERVER_PORT"
  /// The path on which it tells that it is ready.
  package static let readinessPath = "WINDLASS_READINESS_PATH"
}
