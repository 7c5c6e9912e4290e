import WindlassCore
import WindlassWire

/// A public listener of a service.
package struct ListenerSpecification: Hashable, Sendable {
  /// What an instance finds it by in `LISTEN_FDNAMES`.
  package var name: String
  /// Where it listens; port 0 asks for any free one.
  package var address: SocketAddress

  package init(name: String, address: SocketAddress) {
    self.name = name
    self.address = address
  }
}

/// How the shim starts one instance; the executable travels beside it as an open descriptor.
struct InstanceOrder: Hashable, Sendable {
  var id: InstanceID
  var release: Version
  /// All words, the program first.
  var arguments: [String]
  /// `NAME=value` each, without what the shim adds; may hold secrets, and is never recorded.
  var environment: [String]
  /// The working directory.
  var directory: String
  /// Whether the executable is a script, which its interpreter has to open again.
  var isScript: Bool
}

/// What the daemon asks of the shim: one JSON object on a line. Every success is answered by a
/// whole `ShimReading`.
enum ShimRequest: Hashable, Sendable {
  /// The version that both sides must speak.
  static let protocolVersion: Int64 = 1

  case read
  case configure(listeners: [ListenerSpecification], backlog: Int32)
  case start(InstanceOrder)
  /// SIGTERM now, SIGKILL after `patience`.
  case stop(InstanceID, patience: Interval)
  case forget(InstanceID)
  /// End the shim and give up its listeners; refused while an instance may be alive.
  case leave

  /// The request as JSON.
  var json: JSONValue {
    var members: [JSONMember] = [JSONMember("protocol", .integer(ShimRequest.protocolVersion))]
    func add(_ name: String, _ value: JSONValue) { members.append(JSONMember(name, value)) }
    switch self {
    case .read: add("command", "read")
    case .leave: add("command", "leave")
    case .configure(let listeners, let backlog):
      add("command", "configure")
      add("backlog", .integer(Int64(backlog)))
      add(
        "listeners",
        .array(
          listeners.map {
            ["name": .string($0.name), "address": .string($0.address.description)]
          }))
    case .start(let order):
      add("command", "start")
      add("id", .string(order.id.text))
      add("release", .string(order.release.description))
      add("arguments", .array(order.arguments.map { .string($0) }))
      add("environment", .array(order.environment.map { .string($0) }))
      add("directory", .string(order.directory))
      add("isScript", .bool(order.isScript))
    case .stop(let id, let patience):
      add("command", "stop")
      add("id", .string(id.text))
      add("patience_ms", .integer(patience.milliseconds))
    case .forget(let id):
      add("command", "forget")
      add("id", .string(id.text))
    }
    return .object(members)
  }

  /// Reads a request; nil for a command that this version does not know.
  init?(json: JSONValue) throws(JSONFields.Mismatch) {
    let fields = JSONFields(json)
    switch try fields.string("command") {
    case "read": self = .read
    case "leave": self = .leave
    case "configure":
      let listeners = try fields.array("listeners").map {
        (element) throws(JSONFields.Mismatch) in
        let fields = JSONFields(element)
        return ListenerSpecification(
          name: try fields.string("name"), address: try fields.address("address"))
      }
      self = .configure(listeners: listeners, backlog: try fields.integer("backlog"))
    case "start":
      self = .start(
        InstanceOrder(
          id: InstanceID(try fields.string("id")), release: try fields.version("release"),
          arguments: try fields.strings("arguments"),
          environment: try fields.strings("environment"),
          directory: try fields.string("directory"), isScript: try fields.bool("isScript")))
    case "stop":
      self = .stop(
        InstanceID(try fields.string("id")),
        patience: .milliseconds(try fields.integer("patience_ms")))
    case "forget": self = .forget(InstanceID(try fields.string("id")))
    default: return nil
    }
  }
}
