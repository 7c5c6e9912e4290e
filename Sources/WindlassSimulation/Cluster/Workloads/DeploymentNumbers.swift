import WindlassCore
import WindlassWire

/// The numbers that a Deployment's specification comes to.
struct DeploymentNumbers {
  let replicas: Int64
  /// Pods beyond the wanted ones that a rollout may have.
  let maxSurge: Int64
  /// Pods that may be missing during a rollout.
  let maxUnavailable: Int64
  /// Seconds without progress after which a rollout counts as stuck; nil when that is not judged.
  let deadline: Int64?
  private let generation: Int64
  private let isRolling: Bool

  init(_ deployment: JSONValue) {
    let spec = deployment["spec"] ?? .object([])
    replicas = spec["replicas"]?.integer ?? 1
    generation = deployment.count("metadata", "generation")
    isRolling = spec.at("strategy", "type") != "Recreate"
    let limit = spec["progressDeadlineSeconds"]?.integer
    deadline = limit == Int64(Int32.max) ? nil : limit
    let rolling = spec.at("strategy", "rollingUpdate")
    let surge = Self.scaled(rolling?["maxSurge"], of: replicas, roundsUp: true)
    var missing = Self.scaled(rolling?["maxUnavailable"], of: replicas, roundsUp: false)
    // With neither, a rollout could not move at all.
    if surge == 0, missing == 0 { missing = 1 }
    maxSurge = isRolling ? surge : 0
    maxUnavailable = isRolling && replicas > 0 ? min(missing, replicas) : 0
  }

  /// A number, or a percentage of one.
  static func scaled(_ value: JSONValue?, of total: Int64, roundsUp: Bool) -> Int64 {
    if let number = value?.integer { return number }
    guard let text = value?.string, text.hasSuffix("%"), let percent = Int64(text.dropLast()) else {
      return 0
    }
    return (total * percent + (roundsUp ? 99 : 0)) / 100
  }

  /// How many replicas the newest set should have now.
  func newReplicas(of set: JSONValue, among all: [JSONValue]) -> Int64 {
    let own = set.count("spec", "replicas")
    guard isRolling, own < replicas else { return replicas }
    let count = all.reduce(0) { $0 + $1.count("spec", "replicas") }
    let room = replicas + maxSurge - count
    return room <= 0 ? own : own + min(room, replicas - own)
  }

  /// Whether a status says that everything is as it should be.
  func isComplete(_ status: JSONValue) -> Bool {
    status.count("updatedReplicas") == replicas && status.count("replicas") == replicas
      && status.count("availableReplicas") == replicas
      && status.count("observedGeneration") >= generation
  }

  /// A set with the annotations that tell the numbers of its Deployment.
  func sized(_ set: JSONValue) -> JSONValue {
    var result = set
    result.set(
      .string(String(replicas)), at: ["metadata", "annotations", DeploymentTurn.desired])
    result.set(
      .string(String(replicas + maxSurge)), at: ["metadata", "annotations", DeploymentTurn.maximum])
    return result
  }
}

/// The hash by which the pods of one template are told from those of another.
enum PodTemplate {
  static let hashLabel = "pod-template-hash"

  /// Ten characters or fewer. The real hash is another one; it is as arbitrary.
  static func hash(_ template: JSONValue, _ collisions: Int64?) -> String {
    let text = template.canonical.text + (collisions.map { "\($0)" } ?? "")
    let number = SHA256.digest(Array(text.utf8)).prefix(4).reduce(UInt32(0)) {
      $0 << 8 | UInt32($1)
    }
    let alphabet = Array("bcdfghjklmnpqrstvwxz2456789")
    return String(String(number).utf8.map { alphabet[Int($0) % alphabet.count] })
  }
}
