import WindlassCore
import WindlassWire

/// Reads the members of one JSON object; what is missing or of another kind is an error that names
/// it.
struct JSONFields {
  /// A member that is not what it should be.
  struct Mismatch: Error, CustomStringConvertible {
    /// The member's name.
    var name: String
    var description: String { "the member \"\(name)\" is missing or of the wrong kind" }
  }

  /// The object; anything else has no members.
  let object: JSONValue

  /// Reads members of the value.
  init(_ object: JSONValue) { self.object = object }

  /// A member that is text.
  func string(_ name: String) throws(Mismatch) -> String {
    guard let value = object[name]?.string else { throw Mismatch(name: name) }
    return value
  }

  /// A member that is a whole number in the range of `Number`.
  func integer<Number: FixedWidthInteger>(_ name: String) throws(Mismatch) -> Number {
    guard let value = object[name]?.integer, let number = Number(exactly: value) else {
      throw Mismatch(name: name)
    }
    return number
  }

  /// A member that is true or false.
  func bool(_ name: String) throws(Mismatch) -> Bool {
    guard let value = object[name]?.bool else { throw Mismatch(name: name) }
    return value
  }

  /// A member that is a list of texts.
  func strings(_ name: String) throws(Mismatch) -> [String] {
    try array(name).map { (element) throws(Mismatch) in
      guard let value = element.string else { throw Mismatch(name: name) }
      return value
    }
  }

  /// A member that is a list.
  func array(_ name: String) throws(Mismatch) -> [JSONValue] {
    guard let value = object[name]?.array else { throw Mismatch(name: name) }
    return value
  }

  /// A member that is an object.
  func fields(_ name: String) throws(Mismatch) -> JSONFields {
    guard let value = object[name], value.object != nil else { throw Mismatch(name: name) }
    return JSONFields(value)
  }

  /// A member that is a numeric address with a port.
  func address(_ name: String) throws(Mismatch) -> SocketAddress {
    guard let address = SocketAddress(try string(name)) else { throw Mismatch(name: name) }
    return address
  }

  /// A member that is a semantic version.
  func version(_ name: String) throws(Mismatch) -> Version {
    guard let version = Version(try string(name)) else { throw Mismatch(name: name) }
    return version
  }
}

extension ExitReport {
  /// Reads what `json` wrote; null stands for no exit.
  init?(json: JSONValue?) {
    guard let json, json.object != nil else { return nil }
    self.init(
      code: json["code"]?.integer.flatMap(Int32.init(exactly:)),
      signal: json["signal"]?.integer.flatMap(Int32.init(exactly:)))
  }

  /// The report as JSON; a report that says nothing is an empty object.
  var json: JSONValue {
    var members: [JSONMember] = []
    if let code { members.append(JSONMember("code", .integer(Int64(code)))) }
    if let signal { members.append(JSONMember("signal", .integer(Int64(signal)))) }
    return .object(members)
  }
}
