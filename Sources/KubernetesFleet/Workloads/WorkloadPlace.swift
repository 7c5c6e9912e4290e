package import WindlassCore

/// Kinds of workloads whose controllers replace instances.
package enum WorkloadKind: String, Hashable, Sendable, CaseIterable {
  case deployment, statefulSet, daemonSet

  /// How instances are replaced, which decides what an order can bound.
  package var shape: WorkloadShape {
    switch self {
    case .deployment: .surging
    case .statefulSet: .ordered
    case .daemonSet: .byRemoval
    }
  }

  /// Where the server keeps them.
  package var type: ResourceType {
    switch self {
    case .deployment: .deployments
    case .statefulSet: .statefulSets
    case .daemonSet: .daemonSets
    }
  }
}

/// How a workload replaces instances when no wave bounds it: what its service's document says.
package struct WorkloadSettings: Hashable, Sendable {
  /// Instances above the wanted number.
  package var surge: Int
  /// Instances below the wanted number.
  package var unavailable: Int
  /// Readiness before the controller goes on; rounded up to seconds.
  package var stability: Interval
  /// How long the controller waits for progress before it says that there is none.
  package var progressDeadline: Interval

  package init(
    surge: Int = 1, unavailable: Int = 0, stability: Interval = .seconds(10),
    progressDeadline: Interval = .minutes(5)
  ) {
    self.surge = surge
    self.unavailable = unavailable
    self.stability = stability
    self.progressDeadline = progressDeadline
  }

  /// The settings of a service's plan.
  package init(_ policy: RolloutPolicy) {
    self.init(
      surge: policy.maxSurge, unavailable: policy.maxUnavailable, stability: policy.stability,
      progressDeadline: policy.progressDeadline)
  }
}

/// Which workload it is, and what of it is Windlass's.
package struct WorkloadPlace: Hashable, Sendable, CustomStringConvertible {
  package var kind: WorkloadKind
  package var namespace: String
  package var name: String
  /// The container that runs the service; its image is the only one that is written.
  package var container: String
  package var settings: WorkloadSettings

  package init(
    _ kind: WorkloadKind, _ name: String, in namespace: String, container: String,
    settings: WorkloadSettings = WorkloadSettings()
  ) {
    self.kind = kind
    self.name = name
    self.namespace = namespace
    self.container = container
    self.settings = settings
  }

  var reference: ObjectReference { ObjectReference(kind.type, name, in: namespace) }

  /// `deployments.apps shop/flipt`.
  package var description: String { reference.description }
}
