import Yams

/// A mapping of a configuration document, whose keys are known.
struct SectionReader {
  var mapping: Node.Mapping
  var reader: FieldReader
  var keys: [String]

  /// The value of the key; an error when it is missing.
  func required(_ key: String, _ wanted: String) throws(ConfigurationError) -> FieldReader {
    guard let field = optional(key) else {
      throw ConfigurationError(
        place: reader.place, field: joined(key), line: mapping.mark?.line, found: "is missing",
        allowed: "Write \(wanted).")
    }
    return field
  }

  /// The value of the key; nil when it is missing or empty.
  func optional(_ key: String) -> FieldReader? {
    guard let node = mapping[key], node.tag.description != "tag:yaml.org,2002:null" else {
      return nil
    }
    return FieldReader(node: node, path: joined(key), place: reader.place)
  }

  /// The only key of these that is written, with its value.
  func exactlyOne(of wanted: String...) throws(ConfigurationError) -> (String, FieldReader) {
    let written = wanted.compactMap { key in optional(key).map { (key, $0) } }
    guard let only = written.first, written.count == 1 else {
      let found =
        written.isEmpty
        ? "says none of \(wanted.joined(separator: ", "))"
        : "says \(written.map(\.0).joined(separator: " and ")) at once"
      throw reader.error(found, allowed: "Write exactly one of \(wanted.joined(separator: ", ")).")
    }
    return only
  }

  /// Refuses keys that mean nothing, so that a misspelt one is not silently without effect.
  func refuseUnknownKeys() throws(ConfigurationError) {
    for (key, _) in mapping {
      let name = key.string ?? "?"
      guard !keys.contains(name) else { continue }
      // Such as a URL between braces.
      let isShown = !TextRules.mayHoldSecret(name)
      throw ConfigurationError(
        place: reader.place, field: joined(isShown ? name : "?"), line: key.mark?.line,
        found: isShown ? "is not known" : "is not known, and not shown, as it may hold a secret",
        allowed: reader.suggesting(name, among: keys))
    }
  }

  private func joined(_ key: String) -> String {
    reader.path.isEmpty ? key : "\(reader.path).\(key)"
  }
}
