import WindlassCore
import WindlassWire

/// What a launcher is told to do with one instance. It holds no secret: what an instance has to
/// know besides, it has from the launcher's own environment.
struct LauncherOrder: Hashable, Sendable {
  /// What is wished for the instance.
  enum Wish: String, Hashable, Sendable {
    /// To run, once: what has ended is not begun again under the same id.
    case run
    /// To end: SIGTERM, and SIGKILL after the patience.
    case stop
    /// To be on record no more.
    case forget
  }

  var id: InstanceID
  var release: Version
  /// The program, from the root on.
  var program: String
  /// The SHA-256 of the program's file, which the launcher checks through the descriptor that it
  /// executes.
  var digest: Digest
  /// All words, the program first.
  var arguments: [String]
  /// The working directory.
  var directory: String
  /// Whether an interpreter has to open the program again.
  var isScript: Bool
  /// `NAME=value` each, over the launcher's own.
  var environment: [String]
  /// From SIGTERM to SIGKILL.
  var patience: Interval
  var wish = Wish.run
  /// The number of the orders in which the wish was first written.
  var since: Int64
}

/// Everything that a launcher is told, in one file; the newest alone counts.
struct LauncherOrders: Hashable, Sendable {
  /// The file's format; another one is refused, never guessed at.
  static let format: Int64 = 1

  /// Grows by one with each change.
  var sequence: Int64 = 0
  /// The listeners that all instances inherit.
  var listeners: [ListenerSpecification] = []
  var orders: [LauncherOrder] = []

  /// The order about an instance.
  subscript(id: InstanceID) -> LauncherOrder? { orders.first { $0.id == id } }

  /// Makes the next orders, in which `change` was done.
  func changed(_ change: (inout LauncherOrders) -> Void) -> LauncherOrders {
    var next = self
    next.sequence += 1
    change(&next)
    return next
  }

  /// Writes a new wish for an instance that is named already.
  mutating func wish(_ wish: LauncherOrder.Wish, for id: InstanceID) {
    for index in orders.indices where orders[index].id == id && orders[index].wish != wish {
      orders[index].wish = wish
      orders[index].since = sequence
    }
  }
}

extension LauncherOrders {
  /// The value as it is kept.
  var json: JSONValue {
    [
      "format": .integer(LauncherOrders.format), "sequence": .integer(sequence),
      "listeners": .array(
        listeners.map {
          ["name": .string($0.name), "address": .string($0.address.description)]
        }),
      "orders": .array(orders.map(\.json)),
    ]
  }

  /// Reads what `json` wrote.
  init(json: JSONValue) throws(JSONFields.Mismatch) {
    let fields = JSONFields(json)
    guard try fields.integer("format") == LauncherOrders.format else {
      throw JSONFields.Mismatch(name: "format")
    }
    self.init(
      sequence: try fields.integer("sequence"),
      listeners: try fields.array("listeners").map { (element) throws(JSONFields.Mismatch) in
        let fields = JSONFields(element)
        return ListenerSpecification(
          name: try fields.string("name"), address: try fields.address("address"))
      },
      orders: try fields.array("orders").map { (element) throws(JSONFields.Mismatch) in
        try LauncherOrder(json: element)
      })
  }
}

extension LauncherOrder {
  /// The value as it is kept.
  var json: JSONValue {
    [
      "id": .string(id.text), "release": .string(release.description),
      "wish": .string(wish.rawValue), "since": .integer(since),
      "program": .string(program), "sha256": .string(digest.text),
      "arguments": .array(arguments.map { .string($0) }), "directory": .string(directory),
      "isScript": .bool(isScript), "environment": .array(environment.map { .string($0) }),
      "patience_ms": .integer(patience.milliseconds),
    ]
  }

  /// Reads what `json` wrote.
  init(json: JSONValue) throws(JSONFields.Mismatch) {
    let fields = JSONFields(json)
    guard let wish = Wish(rawValue: try fields.string("wish")) else {
      throw JSONFields.Mismatch(name: "wish")
    }
    self.init(
      id: InstanceID(try fields.string("id")), release: try fields.version("release"),
      program: try fields.string("program"), digest: Digest(try fields.string("sha256")),
      arguments: try fields.strings("arguments"), directory: try fields.string("directory"),
      isScript: try fields.bool("isScript"), environment: try fields.strings("environment"),
      patience: Interval(milliseconds: try fields.integer("patience_ms")), wish: wish,
      since: try fields.integer("since"))
  }
}
