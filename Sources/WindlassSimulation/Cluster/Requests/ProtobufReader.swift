import WindlassWire

/// Reads the binary form in which Go clients send built-in kinds, as far as its messages are
/// described.
struct ProtobufReader {
  /// Why bytes can't be read.
  struct Failure: Error {
    var message: String
  }

  /// One field on the wire.
  private enum Value {
    case number(UInt64)
    case bytes(ArraySlice<UInt8>)

    var isEmpty: Bool {
      switch self {
      case .number(let number): number == 0
      case .bytes(let bytes): bytes.isEmpty
      }
    }
  }

  private var rest: ArraySlice<UInt8>

  private init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

  /// The document in an envelope: four bytes of magic, then a message of kind and content.
  static func document(_ bytes: [UInt8]) throws(Failure) -> JSONValue {
    guard bytes.starts(with: Array("k8s\0".utf8)) else {
      throw Failure(message: "does not begin with k8s and a zero byte")
    }
    var envelope = ProtobufReader(bytes[4...])
    var apiVersion = ""
    var kind = ""
    var content: ArraySlice<UInt8> = []
    while let (number, value) = try envelope.next() {
      guard case .bytes(let bytes) = value else { continue }
      switch number {
      case 1:
        var names = ProtobufReader(bytes)
        while let (number, value) = try names.next() {
          guard case .bytes(let text) = value else { continue }
          if number == 1 { apiVersion = String(decoding: text, as: UTF8.self) }
          if number == 2 { kind = String(decoding: text, as: UTF8.self) }
        }
      case 2: content = bytes
      default: continue
      }
    }
    guard let message = ProtobufForms.messages[kind] else {
      throw Failure(message: "\(kind) is a kind whose binary form is not known here")
    }
    var body = try Self.object(content, message, kind)
    body[member: "apiVersion"] = .string(apiVersion)
    body[member: "kind"] = .string(kind)
    return body
  }

  // MARK: - Messages

  private static func object(
    _ bytes: ArraySlice<UInt8>, _ message: ProtobufForms.Message, _ name: String
  ) throws(Failure) -> JSONValue {
    var reader = ProtobufReader(bytes)
    var object: JSONValue = .object([])
    while let (number, value) = try reader.next() {
      guard let field = message[number] else {
        // Go's encoder writes many fields that are not set.
        if value.isEmpty { continue }
        throw Failure(message: "field \(number) of \(name) is not known here")
      }
      let read = try Self.value(value, field)
      if field.isRepeated {
        object[member: field.name] = .array((object[field.name]?.elements ?? []) + [read])
      } else if field.isMap {
        let entries = (object[field.name]?.members ?? []) + read.members
        object[member: field.name] = .object(entries)
      } else if !field.isDropped(read) {
        object[member: field.name] = read
      }
    }
    return object
  }

  private static func value(
    _ value: Value, _ field: ProtobufForms.Field
  ) throws(Failure) -> JSONValue {
    switch (value, field.kind) {
    case (.number(let number), "i"): return .integer(Int64(bitPattern: number))
    case (.number(let number), "b"): return .bool(number != 0)
    case (.bytes(let bytes), _) where field.isMap:
      var entry = ProtobufReader(bytes)
      var name = ""
      var content = JSONValue.string("")
      while let (number, value) = try entry.next() {
        guard case .bytes(let bytes) = value else { continue }
        if number == 1 { name = String(decoding: bytes, as: UTF8.self) }
        if number == 2 { content = try self.value(value, field.withoutMap) }
      }
      return .object([JSONMember(name, content)])
    case (.bytes(let bytes), "s"): return .string(String(decoding: bytes, as: UTF8.self))
    case (.bytes(let bytes), "y"): return .string(Base64.padded(Array(bytes)))
    case (.bytes(let bytes), "t"):
      // A time that is not set is an empty message, and no client sets one of these.
      return bytes.isEmpty ? .null : .string("")
    case (.bytes(let bytes), let name):
      guard let message = ProtobufForms.messages[name] else {
        throw Failure(message: "\(name) is not known here")
      }
      let read = try object(bytes, message, name)
      switch name {
      case "IntOrString":
        return read["type"] == 1 ? read["strVal"] ?? "" : read["intVal"] ?? 0
      case "Quantity": return read["string"] ?? ""
      default: return read
      }
    case (.number, let name): throw Failure(message: "\(field.name) is no \(name)")
    }
  }

  // MARK: - The wire

  /// The next field, nil at the end.
  private mutating func next() throws(Failure) -> (number: Int, value: Value)? {
    guard !rest.isEmpty else { return nil }
    let key = try varint()
    let number = Int(key >> 3)
    switch key & 7 {
    case 0: return (number, .number(try varint()))
    case 2:
      let length = try varint()
      guard length <= UInt64(rest.count) else { throw Failure(message: "ends within a field") }
      let bytes = rest.prefix(Int(length))
      rest = rest.dropFirst(Int(length))
      return (number, .bytes(bytes))
    default: throw Failure(message: "has a field of wire type \(key & 7)")
    }
  }

  private mutating func varint() throws(Failure) -> UInt64 {
    var result: UInt64 = 0
    var shift: UInt64 = 0
    while let byte = rest.popFirst() {
      guard shift < 64 else { break }
      result |= UInt64(byte & 0x7F) << shift
      if byte < 0x80 { return result }
      shift += 7
    }
    throw Failure(message: "has a number without an end")
  }
}
