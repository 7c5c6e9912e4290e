import WindlassWire

/// What the daemon says of one service, read from the JSON that `windlass status` shows.
struct ServiceStatus: Hashable, Sendable {
  /// A part of the open run.
  struct Step: Hashable, Sendable {
    var name: String
    /// `done`, `current` or `pending`.
    var state: String
  }

  /// A running copy.
  struct Instance: Hashable, Sendable {
    var release: String
    var isReady: Bool
    var isDraining: Bool
  }

  /// A run that has ended.
  struct PastRun: Hashable, Sendable {
    var target: String
    var ending: String
    var reason: String
    var evidence: [String]
  }

  /// The schema version while none was read.
  static let unknown = "unknown"

  var service: String
  var phase: String
  var isRunOpen: Bool
  /// Whether every wanted instance of the deployed release is ready.
  var isReady: Bool
  var deployedVersion: String
  var schemaVersion: String
  var blockedReason: String?
  var retrying: String?
  var steps: [Step]
  var instances: [Instance]
  /// The latest first.
  var pastRuns: [PastRun]
  var quarantined: [String]

  /// Reads a service's object; nil when it is none.
  init?(_ value: JSONValue) {
    guard let service = value["service"]?.string, let phase = value["phase"]?.string else {
      return nil
    }
    let list = { (name: String) in value[name]?.array ?? [] }
    self.service = service
    self.phase = phase
    isRunOpen = value["run"]?.string != nil
    isReady = list("conditions").contains {
      $0["type"]?.string == "Ready" && $0["status"]?.string == "True"
    }
    deployedVersion = value["deployedVersion"]?.string ?? "nothing"
    schemaVersion = value["schemaVersion"]?.string ?? ServiceStatus.unknown
    blockedReason = value["blockedReason"]?.string
    retrying = value["retrying"]?.string
    steps = list("steps").map {
      Step(name: $0["name"]?.string ?? "", state: $0["state"]?.string ?? "")
    }
    instances = list("instances").map {
      Instance(
        release: $0["release"]?.string ?? "", isReady: $0["ready"]?.bool ?? false,
        isDraining: $0["draining"]?.bool ?? false)
    }
    pastRuns = list("lastRuns").map {
      PastRun(
        target: $0["to"]?.string ?? "", ending: $0["ending"]?.string ?? "",
        reason: $0["reason"]?.string ?? "",
        evidence: ($0["evidence"]?.array ?? []).compactMap(\.string))
    }
    quarantined = list("quarantined").compactMap { $0["version"]?.string }
  }

  /// The service's latest run to that release.
  func pastRun(to target: String) -> PastRun? { pastRuns.first { $0.target == target } }
}
