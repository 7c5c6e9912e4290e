import WindlassCore
import WindlassWire

/// What the shim keeps of an instance beyond its own death: no environment, no secret.
struct InstanceRecord: Hashable {
  /// How far the instance is.
  enum Stage: Hashable {
    /// It exists and waits; nothing of the artifact ran yet.
    case waiting
    case running
    /// SIGTERM was sent; SIGKILL follows at `killAt`, in milliseconds of `MonotonicClock`.
    case stopping(killAt: Int64)
    case ended(ExitReport)
  }

  var id: InstanceID
  var release: Version
  /// The process, for ever.
  var process: ProcessIdentity
  /// The entry of the instance's environment that tells its descendants from all other processes.
  var cookie: String
  /// Where its private listener answers.
  var privateAddress: SocketAddress
  /// What it found at 3, 4, … when it was started.
  var listeners: [String]
  /// The file with its output.
  var log: String
  var stage: Stage
  /// Whether SIGKILL was sent.
  var wasKilled = false

  /// How it ended, once it has.
  var exit: ExitReport? {
    guard case .ended(let exit) = stage else { return nil }
    return exit
  }
}

extension InstanceRecord {
  /// The value as it is kept.
  var json: JSONValue {
    [
      "id": .string(id.text), "release": .string(release.description),
      "pid": .integer(Int64(process.pid)),
      "startTime": .integer(Int64(clamping: process.startTime)),
      "bootID": .string(process.host.bootID),
      "pidNamespace": .integer(Int64(clamping: process.host.pidNamespace)),
      "cookie": .string(cookie), "privateAddress": .string(privateAddress.description),
      "listeners": .array(listeners.map { .string($0) }), "log": .string(log),
      "stage": stage.json, "wasKilled": .bool(wasKilled),
    ]
  }

  /// Reads what `json` wrote.
  init(json: JSONValue) throws(JSONFields.Mismatch) {
    let fields = JSONFields(json)
    self.init(
      id: InstanceID(try fields.string("id")), release: try fields.version("release"),
      process: ProcessIdentity(
        pid: try fields.integer("pid"), startTime: try fields.integer("startTime"),
        host: HostIdentity(
          bootID: try fields.string("bootID"), pidNamespace: try fields.integer("pidNamespace"))),
      cookie: try fields.string("cookie"), privateAddress: try fields.address("privateAddress"),
      listeners: try fields.strings("listeners"), log: try fields.string("log"),
      stage: try Stage(json: json["stage"] ?? .null), wasKilled: try fields.bool("wasKilled"))
  }
}

extension InstanceRecord.Stage {
  /// The value as it is kept.
  var json: JSONValue {
    switch self {
    case .waiting: ["name": "waiting"]
    case .running: ["name": "running"]
    case .stopping(let killAt): ["name": "stopping", "killAt_ms": .integer(killAt)]
    case .ended(let exit): ["name": "ended", "exit": exit.json]
    }
  }

  /// Reads what `json` wrote.
  init(json: JSONValue) throws(JSONFields.Mismatch) {
    let fields = JSONFields(json)
    switch try fields.string("name") {
    case "waiting": self = .waiting
    case "running": self = .running
    case "stopping": self = .stopping(killAt: try fields.integer("killAt_ms"))
    case "ended": self = .ended(ExitReport(json: json["exit"]) ?? ExitReport())
    default: throw JSONFields.Mismatch(name: "name")
    }
  }
}

/// A public listener that outlives the shim in the instances that hold it.
struct ListenerRecord: Hashable {
  var name: String
  /// What was asked for; the port may be 0.
  var requested: SocketAddress
  /// Where it listens.
  var bound: SocketAddress
  /// What tells the socket from all others of this boot.
  var inode: UInt64
  /// The length of its queue.
  var backlog: Int32

  /// The value as it is kept.
  var json: JSONValue {
    [
      "name": .string(name), "requested": .string(requested.description),
      "bound": .string(bound.description), "inode": .integer(Int64(clamping: inode)),
      "backlog": .integer(Int64(backlog)),
    ]
  }

  init(
    name: String, requested: SocketAddress, bound: SocketAddress, inode: UInt64, backlog: Int32
  ) {
    self.name = name
    self.requested = requested
    self.bound = bound
    self.inode = inode
    self.backlog = backlog
  }

  /// Reads what `json` wrote.
  init(json: JSONValue) throws(JSONFields.Mismatch) {
    let fields = JSONFields(json)
    self.init(
      name: try fields.string("name"), requested: try fields.address("requested"),
      bound: try fields.address("bound"), inode: try fields.integer("inode"),
      backlog: try fields.integer("backlog"))
  }
}
