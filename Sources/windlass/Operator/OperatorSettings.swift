import KubernetesFleet
import WindlassStatus

/// What the operator was told when it was started.
struct OperatorSettings: Hashable, Sendable {
  /// The namespaces whose services it upgrades; nil for all.
  var namespaces: [String]?
  /// Which of their services it looks after.
  var shard = ServiceShard()
  /// Windlass's own image, by digest: what steps are made of.
  var image: String
  /// Whom the pods of steps run as.
  var serviceAccount: String
  var imagePullSecrets: [String]
  /// The Lease by which one of several is chosen; each shard has its own.
  var leaseNamespace: String
  var leaseName: String
  /// How many services may be at work at a time.
  var concurrency: Int
  /// Requests to the API server in the long run, without watches and the Lease's renewals.
  var requestsPerSecond: Int
  /// Where to tell whoever asks how the operator is; nil for nowhere.
  var listen: ListenAddress?
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
