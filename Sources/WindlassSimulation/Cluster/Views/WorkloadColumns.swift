import WindlassCore
import WindlassWire

/// The columns in which workloads and their pods are shown as tables.
enum WorkloadColumns {
  /// One column, and what it says of an object.
  struct Column: Sendable {
    var definition: JSONValue
    var cell: @Sendable (JSONValue, Timestamp) -> JSONValue

    /// The column, shown only to who asks for more than usual.
    var whenWide: Column {
      var column = self
      column.definition[member: "priority"] = 1
      return column
    }
  }

  /// The columns of a kind behind its name; nil for kinds that have no others.
  static func columns(of kind: String) -> [Column]? {
    switch kind {
    case "Deployment":
      [
        ready("deployment", of: ["spec", "replicas"], ["status", "readyReplicas"]),
        number(
          "Up-to-date", ["status", "updatedReplicas"],
          "Total number of non-terminating pods targeted by this deployment that have the desired "
            + "template spec."),
        number(
          "Available", ["status", "availableReplicas"],
          "Total number of available non-terminating pods (ready for at least minReadySeconds) "
            + "targeted by this deployment."),
        age,
      ] + templates + [
        selector(
          "Label selector for pods. Existing ReplicaSets whose pods are selected by this will be "
            + "the ones affected by this deployment. It must match the pod template's labels.")
      ]
    case "ReplicaSet":
      [
        number("Desired", ["spec", "replicas"], "Number of desired pods."),
        number("Current", ["status", "replicas"], "Number of pods."),
        number("Ready", ["status", "readyReplicas"], "Number of ready pods."), age,
      ] + templates + [selector("Label query over pods.")]
    case "StatefulSet":
      [ready("statefulset", of: ["spec", "replicas"], ["status", "readyReplicas"]), age]
        + templates
    case "DaemonSet":
      [
        number("Desired", ["status", "desiredNumberScheduled"], "Nodes that should run the pod."),
        number("Current", ["status", "currentNumberScheduled"], "Nodes that run the pod."),
        number("Ready", ["status", "numberReady"], "Nodes whose pod is ready."),
        number("Up-to-date", ["status", "updatedNumberScheduled"], "Nodes with the newest pod."),
        number("Available", ["status", "numberAvailable"], "Nodes whose pod is available."), age,
      ] + templates + [selector("Label query over pods.")]
    case "Pod": pods
    case "Job": jobs
    case "PodDisruptionBudget":
      [
        text("Min Available", ["spec", "minAvailable"], "Pods that have to stay."),
        text("Max Unavailable", ["spec", "maxUnavailable"], "Pods that may be missing."),
        number("Allowed Disruptions", ["status", "disruptionsAllowed"], "Evictions allowed now."),
        age,
      ]
    case "Namespace": [text("Status", ["status", "phase"], "The state of the namespace."), age]
    case "Lease":
      [text("Holder", ["spec", "holderIdentity"], "Who holds the lease."), age]
    default: NetworkColumns.columns(of: kind)
    }
  }

  // MARK: - Columns

  static let age = Column(
    definition: TableColumns.age,
    cell: { object, now in
      TableColumns.age(since: object.at("metadata", "creationTimestamp") ?? .null, at: now)
    })

  private static func number(_ name: String, _ path: [String], _ text: String) -> Column {
    Column(
      definition: TableColumns.column(name, "integer", text).asText,
      cell: { object, _ in object.at(path) ?? 0 })
  }

  private static func text(_ name: String, _ path: [String], _ text: String) -> Column {
    Column(
      definition: TableColumns.column(name, "string", text),
      cell: { object, _ in object.at(path).map { .string($0.string ?? $0.text) } ?? "<none>" })
  }

  private static func ready(
    _ kind: String, of wanted: [String], _ path: [String]
  ) -> Column {
    Column(
      definition: TableColumns.column("Ready", "string", "Number of the pod with ready state"),
      cell: { object, _ in
        .string("\(object.at(path)?.integer ?? 0)/\(object.at(wanted)?.integer ?? 0)")
      })
  }

  private static let templates = [
    wide("Containers", "Names of each container in the template.", "name"),
    wide("Images", "Images referenced by each container in the template.", "image"),
  ]

  private static func wide(_ name: String, _ text: String, _ member: String) -> Column {
    var definition = TableColumns.column(name, "string", text)
    definition[member: "priority"] = 1
    return Column(
      definition: definition,
      cell: { object, _ in
        let containers = object.at("spec", "template", "spec", "containers")?.elements ?? []
        return .string(containers.compactMap { $0[member]?.string }.joined(separator: ","))
      })
  }

  private static func selector(_ text: String) -> Column {
    var definition = TableColumns.column("Selector", "string", text)
    definition[member: "priority"] = 1
    return Column(
      definition: definition,
      cell: { object, _ in
        let labels = object.at("spec", "selector", "matchLabels")?.members ?? []
        return .string(
          labels.map { "\($0.name)=\($0.value.string ?? "")" }.joined(separator: ","))
      })
  }

  // MARK: - Pods and Jobs

  private static let pods = [
    Column(
      definition: TableColumns.column("Ready", "string", "Containers that are ready."),
      cell: { pod, _ in
        let all = pod.at("spec", "containers")?.elements.count ?? 0
        let ready = (pod.at("status", "containerStatuses")?.elements ?? [])
          .filter { $0["ready"] == .bool(true) }
        return .string("\(ready.count)/\(all)")
      }),
    Column(
      definition: TableColumns.column("Status", "string", "The state of the pod."),
      cell: { pod, _ in
        if pod.isTerminating { return "Terminating" }
        let containers = pod.at("status", "containerStatuses")?.elements ?? []
        let reasons = ["waiting", "terminated"].flatMap { state in
          containers.compactMap { $0.at("state", state, "reason") }
        }
        return reasons.first ?? pod.at("status", "reason") ?? pod.at("status", "phase") ?? ""
      }),
    Column(
      definition: TableColumns.column("Restarts", "string", "How often containers were restarted."),
      cell: { pod, _ in
        let counts = (pod.at("status", "containerStatuses")?.elements ?? [])
          .map { $0["restartCount"]?.integer ?? 0 }
        return .string(String(counts.reduce(0, +)))
      }), age,
    text("IP", ["status", "podIP"], "The pod's address.").whenWide,
    text("Node", ["spec", "nodeName"], "The pod's node.").whenWide,
  ]

  private static let jobs = [
    Column(
      definition: TableColumns.column("Status", "string", "The state of the job."),
      cell: { job, _ in
        if job.condition("Complete") != nil { return "Complete" }
        if job.condition("Failed") != nil { return "Failed" }
        return job.isTerminating ? "Terminating" : "Running"
      }),
    Column(
      definition: TableColumns.column("Completions", "string", "Pods that ended well."),
      cell: { job, _ in
        .string("\(job.count("status", "succeeded"))/\(job.count("spec", "completions"))")
      }), age,
  ]
}

extension JSONValue {
  /// The recorded server calls the columns of numbers texts.
  fileprivate var asText: JSONValue {
    var definition = self
    definition[member: "type"] = "string"
    return definition
  }
}
