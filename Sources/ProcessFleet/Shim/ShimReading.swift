package import WindlassCore
import WindlassWire

/// A public listener as the shim holds it.
package struct ListenerReading: Hashable, Sendable {
  /// The listener's name.
  package var name: String
  /// Where it listens, with the port that the kernel chose.
  package var address: SocketAddress
  /// How often it was found not to listen and was made to again; whatever was queued then is lost.
  package var revivals: Int64
}

/// An instance as the shim knows it.
package struct ShimInstance: Hashable, Sendable {
  package var id: InstanceID
  /// The release that it was started as.
  package var release: Version
  package var pid: Int32
  package var life: InstanceLife
  /// Whether SIGTERM was sent to it.
  package var isDraining: Bool
  /// Whether SIGKILL was sent after the drain deadline.
  package var wasKilled: Bool
  /// Where its private listener answers.
  package var privateAddress: SocketAddress
  /// The file with its output.
  package var log: String
  /// How it ended, once it has; empty when that could not be seen.
  package var exit: ExitReport?
  /// Why its life is in doubt.
  package var detail: String
}

/// Everything that the shim knows at one moment.
package struct ShimReading: Hashable, Sendable {
  /// The shim's own pid.
  package var shim: Int32
  /// In the order in which instances get them.
  package var listeners: [ListenerReading]
  /// Every one that was started and not forgotten, in the order of their starts.
  package var instances: [ShimInstance]

  /// The instance of that name.
  package func instance(_ id: InstanceID) -> ShimInstance? {
    instances.first { $0.id == id }
  }
}

extension ShimInstance {
  /// The value as it is sent.
  var json: JSONValue {
    [
      "id": .string(id.text), "release": .string(release.description),
      "pid": .integer(Int64(pid)), "life": .string(life.rawValue),
      "isDraining": .bool(isDraining), "wasKilled": .bool(wasKilled),
      "privateAddress": .string(privateAddress.description), "log": .string(log),
      "exit": exit?.json ?? .null, "detail": .string(detail),
    ]
  }

  /// Reads what `json` wrote.
  init(json: JSONValue) throws(JSONFields.Mismatch) {
    let fields = JSONFields(json)
    guard let life = InstanceLife(rawValue: try fields.string("life")) else {
      throw JSONFields.Mismatch(name: "life")
    }
    self.init(
      id: InstanceID(try fields.string("id")), release: try fields.version("release"),
      pid: try fields.integer("pid"), life: life, isDraining: try fields.bool("isDraining"),
      wasKilled: try fields.bool("wasKilled"),
      privateAddress: try fields.address("privateAddress"), log: try fields.string("log"),
      exit: ExitReport(json: json["exit"]), detail: try fields.string("detail"))
  }
}

extension ShimReading {
  /// The value as it is sent.
  var json: JSONValue {
    [
      "protocol": .integer(ShimRequest.protocolVersion), "shim": .integer(Int64(shim)),
      "listeners": .array(
        listeners.map {
          [
            "name": .string($0.name), "address": .string($0.address.description),
            "revivals": .integer($0.revivals),
          ]
        }),
      "instances": .array(instances.map(\.json)),
    ]
  }

  /// Reads what `json` wrote.
  init(json: JSONValue) throws(JSONFields.Mismatch) {
    let fields = JSONFields(json)
    let listeners = try fields.array("listeners").map {
      (element) throws(JSONFields.Mismatch) in
      let fields = JSONFields(element)
      return ListenerReading(
        name: try fields.string("name"), address: try fields.address("address"),
        revivals: try fields.integer("revivals"))
    }
    let instances = try fields.array("instances").map { (element) throws(JSONFields.Mismatch) in
      try ShimInstance(json: element)
    }
    self.init(shim: try fields.integer("shim"), listeners: listeners, instances: instances)
  }
}

extension StepFailure {
  /// The failure as the shim sends it.
  var shimJSON: JSONValue {
    [
      "protocol": .integer(ShimRequest.protocolVersion),
      "failure": [
        "code": .string(code), "disposition": .string(disposition.rawValue),
        "message": .string(message), "blamesRelease": .bool(blamesRelease),
      ],
    ]
  }

  /// Reads a failure that the shim sent; nil when the reply is none.
  init?(shimJSON: JSONValue) throws(JSONFields.Mismatch) {
    guard shimJSON["failure"] != nil else { return nil }
    let fields = try JSONFields(shimJSON).fields("failure")
    guard let disposition = Disposition(rawValue: try fields.string("disposition")) else {
      throw JSONFields.Mismatch(name: "disposition")
    }
    self.init(
      code: try fields.string("code"), disposition: disposition,
      message: try fields.string("message"), blamesRelease: try fields.bool("blamesRelease"))
  }
}
