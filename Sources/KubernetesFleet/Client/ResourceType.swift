/// One kind of object that an API server serves, and where.
package struct ResourceType: Hashable, Sendable {
  /// Empty for the core group.
  package var group: String
  package var version: String
  /// The plural in lower case, as it stands in paths.
  package var plural: String
  package var kind: String
  package var isNamespaced: Bool

  package init(
    group: String = "", version: String = "v1", plural: String, kind: String,
    isNamespaced: Bool = true
  ) {
    self.group = group
    self.version = version
    self.plural = plural
    self.kind = kind
    self.isNamespaced = isNamespaced
  }

  /// `v1` or `apps/v1`.
  package var apiVersion: String { group.isEmpty ? version : "\(group)/\(version)" }

  /// `pods` or `deployments.apps`, as RBAC and people write it.
  package var display: String { group.isEmpty ? plural : "\(plural).\(group)" }
}

extension ResourceType {
  package static let configMaps = ResourceType(plural: "configmaps", kind: "ConfigMap")
  package static let namespaces = ResourceType(
    plural: "namespaces", kind: "Namespace", isNamespaced: false)
  package static let nodes = ResourceType(plural: "nodes", kind: "Node", isNamespaced: false)
  package static let pods = ResourceType(plural: "pods", kind: "Pod")
  package static let jobs = ResourceType(group: "batch", plural: "jobs", kind: "Job")
  package static let deployments = ResourceType(
    group: "apps", plural: "deployments", kind: "Deployment")
  package static let replicaSets = ResourceType(
    group: "apps", plural: "replicasets", kind: "ReplicaSet")
  package static let statefulSets = ResourceType(
    group: "apps", plural: "statefulsets", kind: "StatefulSet")
  package static let daemonSets = ResourceType(
    group: "apps", plural: "daemonsets", kind: "DaemonSet")
  package static let disruptionBudgets = ResourceType(
    group: "policy", plural: "poddisruptionbudgets", kind: "PodDisruptionBudget")
  package static let autoscalers = ResourceType(
    group: "autoscaling", version: "v2", plural: "horizontalpodautoscalers",
    kind: "HorizontalPodAutoscaler")
  package static let leases = ResourceType(
    group: "coordination.k8s.io", plural: "leases", kind: "Lease")
  package static let events = ResourceType(
    group: "events.k8s.io", plural: "events", kind: "Event")
  package static let definitions = ResourceType(
    group: "apiextensions.k8s.io", plural: "customresourcedefinitions",
    kind: "CustomResourceDefinition", isNamespaced: false)
  package static let managedServices = ResourceType(
    group: "windlass.dev", version: "v1alpha1", plural: "managedservices", kind: "ManagedService")
  package static let upgradeRuns = ResourceType(
    group: "windlass.dev", version: "v1alpha1", plural: "upgraderuns", kind: "UpgradeRun")
}

/// Names one object of one kind.
package struct ObjectReference: Hashable, Sendable, CustomStringConvertible {
  package var type: ResourceType
  /// Nil for kinds that live outside namespaces.
  package var namespace: String?
  package var name: String

  package init(_ type: ResourceType, _ name: String, in namespace: String? = nil) {
    self.type = type
    self.namespace = type.isNamespaced ? namespace : nil
    self.name = name
  }

  /// `deployments.apps shop/flipt`.
  package var description: String {
    "\(type.display) \(namespace.map { "\($0)/" } ?? "")\(name)"
  }
}
