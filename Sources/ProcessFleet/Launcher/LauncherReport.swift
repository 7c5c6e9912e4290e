import WindlassCore
import WindlassWire

/// What a launcher tells of itself and its instances, in one file that it replaces whenever
/// something changed.
struct LauncherReport: Hashable, Sendable {
  /// The file's format; another one is refused, never guessed at.
  static let format: Int64 = 1

  /// An order that could not be carried out, and will not be.
  struct Refusal: Hashable, Sendable {
    var id: InstanceID
    var failure: StepFailure
  }

  /// The number of the newest orders that everything here takes into account; what they said to
  /// start and is not among the instances was refused, or not to start any more.
  var sequence: Int64
  /// The launcher.
  var process: ProcessIdentity
  /// Every one that was begun and not forgotten.
  var instances: [ShimInstance]
  var refusals: [Refusal] = []
  /// Instances that the launcher ended because it was told to end itself: how they ended says
  /// nothing about their release.
  var taken: [InstanceID] = []
  /// Why the newest orders can't be read; empty when they can.
  var trouble = ""

  /// The instance of that name.
  subscript(id: InstanceID) -> ShimInstance? { instances.first { $0.id == id } }
}

extension LauncherReport {
  /// The value as it is kept.
  var json: JSONValue {
    [
      "format": .integer(LauncherReport.format), "sequence": .integer(sequence),
      "pid": .integer(Int64(process.pid)),
      "startTime": .integer(Int64(clamping: process.startTime)),
      "bootID": .string(process.host.bootID),
      "pidNamespace": .integer(Int64(clamping: process.host.pidNamespace)),
      "instances": .array(instances.map(\.json)),
      "refusals": .array(
        refusals.map { ["id": .string($0.id.text), "refusal": $0.failure.shimJSON] }),
      "taken": .array(taken.map { .string($0.text) }), "trouble": .string(trouble),
    ]
  }

  /// Reads what `json` wrote.
  init(json: JSONValue) throws(JSONFields.Mismatch) {
    let fields = JSONFields(json)
    guard try fields.integer("format") == LauncherReport.format else {
      throw JSONFields.Mismatch(name: "format")
    }
    self.init(
      sequence: try fields.integer("sequence"),
      process: ProcessIdentity(
        pid: try fields.integer("pid"), startTime: try fields.integer("startTime"),
        host: HostIdentity(
          bootID: try fields.string("bootID"), pidNamespace: try fields.integer("pidNamespace"))),
      instances: try fields.array("instances").map { (element) throws(JSONFields.Mismatch) in
        try ShimInstance(json: element)
      },
      refusals: try fields.array("refusals").map { (element) throws(JSONFields.Mismatch) in
        try Refusal(json: element)
      },
      taken: try fields.strings("taken").map { InstanceID($0) },
      trouble: try fields.string("trouble"))
  }
}

extension LauncherReport.Refusal {
  /// Reads what a report holds.
  fileprivate init(json: JSONValue) throws(JSONFields.Mismatch) {
    guard let told = json["refusal"], let failure = try StepFailure(shimJSON: told) else {
      throw JSONFields.Mismatch(name: "refusal")
    }
    self.init(id: InstanceID(try JSONFields(json).string("id")), failure: failure)
  }
}
