import KubernetesFleet

/// What the operator was told when it was started.
struct OperatorSettings: Hashable, Sendable {
  /// The namespaces whose services it upgrades; nil for all.
  var namespaces: [String]?
  /// Windlass's own image, by digest: what steps are made of.
  var image: String
  /// Whom the pods of steps run as.
  var serviceAccount: String
  var imagePullSecrets: [String]
  /// The Lease by which one of several is chosen.
  var leaseNamespace: String
  var leaseName: String
  /// Names this process alone.
  var identity: String

  /// How the Jobs of a service are made.
  func steps(in namespace: String) -> StepSettings {
    var steps = StepSettings(namespace: namespace, image: image)
    steps.serviceAccount = serviceAccount
    steps.imagePullSecrets = imagePullSecrets
    return steps
  }
}
