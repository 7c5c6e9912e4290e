import WindlassCore
import WindlassWire

/// A value of a manifest together with the way to it, so that every error can name its place.
struct ManifestNode {
  /// What stands at this place.
  let value: JSONValue
  /// Empty for the document itself.
  let path: String

  init(_ value: JSONValue, path: String = "") {
    self.value = value
    self.path = path
  }

  /// An error at this place.
  func error(_ message: String) -> ManifestError {
    ManifestError(path: path, message: message)
  }

  // MARK: Members

  /// The member of that name; nil when it is absent or `null`.
  func optional(_ name: String) throws(ManifestError) -> ManifestNode? {
    _ = try members()
    guard let member = value[name], !member.isNull else { return nil }
    return ManifestNode(member, path: path(to: name))
  }

  /// The member of that name, which has to be there.
  func required(_ name: String) throws(ManifestError) -> ManifestNode {
    guard let member = try optional(name) else {
      throw ManifestError(path: path(to: name), message: "is missing")
    }
    return member
  }

  /// The members of an object, in the order of their names.
  func members() throws(ManifestError) -> [(name: String, node: ManifestNode)] {
    guard let members = value.object else { throw error("must be an object") }
    return members.sorted { $0.name < $1.name }.map { member in
      (member.name, ManifestNode(member.value, path: path(to: member.name)))
    }
  }

  /// The elements of an array that has at most `count`.
  func elements(max count: Int) throws(ManifestError) -> [ManifestNode] {
    guard let elements = value.array else { throw error("must be an array") }
    guard elements.count <= count else { throw error("has more than \(count) elements") }
    return elements.enumerated().map { ManifestNode($1, path: "\(path)[\($0)]") }
  }

  // MARK: Scalars

  /// A string of at most `size` bytes, without a check of its characters.
  func text(max size: Int = Bounds.manifestSizeMax) throws(ManifestError) -> String {
    guard let text = value.string else { throw error("must be a string") }
    guard text.utf8.count <= size else { throw error("has more than \(size) bytes") }
    return text
  }

  /// A string that says something.
  func sentence() throws(ManifestError) -> String {
    let sentence = try text()
    guard sentence.contains(where: { !$0.isWhitespace }) else { throw error("must not be empty") }
    return sentence
  }

  /// A short word of ASCII letters, digits and the marks `.`, `_`, `-`, which may stand in labels
  /// and file names: it begins with a letter or a digit.
  func word() throws(ManifestError) -> String {
    let word = try text(max: Bounds.nameLengthMax)
    guard let first = word.unicodeScalars.first, first.isASCIIAlphanumeric,
      word.unicodeScalars.allSatisfy({ $0.isASCIIAlphanumeric || "._-".unicodeScalars.contains($0) }
      )
    else {
      throw error("must be letters, digits, '.', '_' or '-', beginning with a letter or a digit")
    }
    return word
  }

  /// A short name for people: one line without control characters.
  func name() throws(ManifestError) -> String {
    let name = try text(max: Bounds.nameLengthMax)
    guard name.contains(where: { !$0.isWhitespace }),
      name.unicodeScalars.allSatisfy({ $0.properties.generalCategory != .control })
    else { throw error("must be one line of text") }
    return name
  }

  /// A whole number of the range.
  func whole(in range: ClosedRange<Int64>) throws(ManifestError) -> Int64 {
    guard let number = value.integer else { throw error("must be a whole number") }
    guard range.contains(number) else {
      throw error("must be from \(range.lowerBound) to \(range.upperBound), but is \(number)")
    }
    return number
  }

  /// A truth value.
  func flag() throws(ManifestError) -> Bool {
    guard let flag = value.bool else { throw error("must be true or false") }
    return flag
  }

  /// A time as RFC 3339 writes it.
  func time() throws(ManifestError) -> Timestamp {
    guard let time = Timestamp(rfc3339: try text(max: Bounds.nameLengthMax)) else {
      throw error("must be a time as in 2026-11-20T10:00:00Z")
    }
    return time
  }

  /// Schema versions are held exactly by every reader of JSON, as serials are.
  func schemaVersion() throws(ManifestError) -> SchemaVersion {
    SchemaVersion(UInt64(try whole(in: 0...Bounds.serialLimit - 1)))
  }

  /// The way to a member; a name that is no plain word is quoted, so that it can't fake a path.
  func path(to name: String) -> String {
    let isPlain =
      !name.isEmpty && name.unicodeScalars.allSatisfy { $0.isASCIIAlphanumeric || $0 == "_" }
    guard isPlain else { return "\(path)[\(JSONValue.string(name).text)]" }
    return path.isEmpty ? name : "\(path).\(name)"
  }
}

extension Unicode.Scalar {
  var isASCIIAlphanumeric: Bool {
    switch self {
    case "0"..."9", "A"..."Z", "a"..."z": true
    default: false
    }
  }
}
