import WindlassCore
import Yams

/// One value of a configuration document, with the path that leads to it.
///
/// Every reading names its field when it fails; nothing is converted that was not written that way.
struct FieldReader {
  var node: Node
  var path: String
  var place: ConfigurationError.Place

  /// The error for this value.
  func error(_ found: String, allowed: String) -> ConfigurationError {
    ConfigurationError(
      place: place, field: path.isEmpty ? nil : path, line: node.mark?.line, found: found,
      allowed: allowed)
  }

  /// The error for a text that may be a secret at the wrong place.
  func misplaced(_ wanted: String) -> ConfigurationError {
    error("is another text, which is not shown", allowed: "Allowed: \(wanted).")
  }

  /// The error for a value that is understood, but that this build can't act on.
  func notBuilt(_ found: String, instead: String) -> ConfigurationError {
    error("\(found), which this build of Windlass does not run", allowed: instead)
  }

  /// The value read as a mapping that holds no other key than these.
  func section(_ keys: String...) throws(ConfigurationError) -> SectionReader {
    guard let mapping = node.mapping else {
      throw wrongType("a mapping with the keys: \(keys.joined(separator: ", "))")
    }
    let section = SectionReader(mapping: mapping, reader: self, keys: keys)
    try section.refuseUnknownKeys()
    return section
  }

  /// The text; a number or truth value that was not quoted is refused.
  func text() throws(ConfigurationError) -> String {
    guard let scalar = node.scalar, node.tag.description == "tag:yaml.org,2002:str" else {
      throw wrongType("text; put quotes around a number")
    }
    return scalar.string
  }

  /// The text, when it passes the test.
  func text(
    _ wanted: String, where isRight: (String) -> Bool
  ) throws(ConfigurationError) -> String {
    let text = try text()
    guard isRight(text) else { throw wrongText(text, wanted) }
    return text
  }

  /// The text read as a value of another type.
  func value<Value>(
    _ wanted: String, _ read: (String) -> Value?
  ) throws(ConfigurationError) -> Value {
    let text = try text()
    guard let value = read(text) else { throw wrongText(text, wanted) }
    return value
  }

  /// The whole number, within the range.
  func integer(in range: ClosedRange<Int>) throws(ConfigurationError) -> Int {
    let wanted = "a whole number from \(range.lowerBound) to \(range.upperBound)"
    guard let scalar = node.scalar, node.tag.description == "tag:yaml.org,2002:int",
      let number = Int(scalar.string)
    else { throw wrongType(wanted) }
    guard range.contains(number) else {
      throw error("is \(number)", allowed: "Allowed: \(wanted).")
    }
    return number
  }

  /// The truth value.
  func boolean() throws(ConfigurationError) -> Bool {
    switch node.scalar?.string {
    case "true" where isPlain: return true
    case "false" where isPlain: return false
    default: throw wrongType("true or false")
    }
  }

  /// The length of time, within the range.
  func interval(in range: ClosedRange<Interval>) throws(ConfigurationError) -> Interval {
    let wanted =
      "a whole number with a unit (ms, s, m, h or d) from \(range.lowerBound) to "
      + "\(range.upperBound), such as 10s"
    guard let scalar = node.scalar else { throw wrongType(wanted) }
    guard let interval = Interval(scalar.string) else { throw wrongText(scalar.string, wanted) }
    guard range.contains(interval) else {
      throw error("is \(interval)", allowed: "Allowed: \(wanted).")
    }
    return interval
  }

  /// One of the choices.
  func choice<Choice: RawRepresentable & CaseIterable>(
    of type: Choice.Type
  ) throws(ConfigurationError) -> Choice where Choice.RawValue == String {
    let names = Choice.allCases.map(\.rawValue)
    let text = try text()
    guard let choice = Choice(rawValue: text) else {
      throw error("is \(shown(text))", allowed: suggesting(text, among: names))
    }
    return choice
  }

  /// The elements of a list with as many elements as the range allows.
  func elements(
    _ counts: ClosedRange<Int>, of what: String
  ) throws(ConfigurationError) -> [FieldReader] {
    guard let sequence = node.sequence else { throw wrongType("a list of \(what)") }
    guard counts.contains(sequence.count) else {
      throw error(
        "has \(sequence.count) elements",
        allowed: "Allowed: from \(counts.lowerBound) to \(counts.upperBound) \(what).")
    }
    return sequence.enumerated().map { index, element in
      FieldReader(node: element, path: "\(path)[\(index)]", place: place)
    }
  }

  /// Names and texts, such as variables of an environment.
  func texts(
    _ wanted: String, where isRight: (String) -> Bool
  ) throws(ConfigurationError) -> [String: String] {
    guard let mapping = node.mapping else { throw wrongType("a mapping of names to texts") }
    var texts: [String: String] = [:]
    for (key, value) in mapping {
      let name = try FieldReader(node: key, path: path, place: place).text()
      let shown = isRight(name) ? name : "?"
      let reader = FieldReader(node: value, path: "\(path).\(shown)", place: place)
      guard isRight(name) else {
        throw reader.error("is no name that can be used", allowed: "Allowed: \(wanted).")
      }
      texts[name] = try reader.text()
    }
    return texts
  }

  /// The error for a text that is not what was wanted.
  func wrongText(_ text: String, _ wanted: String) -> ConfigurationError {
    error("is \(shown(text))", allowed: "Allowed: \(wanted).")
  }

  /// What is allowed, with the nearest of the names first.
  func suggesting(_ word: String, among names: [String]) -> String {
    let all = names.joined(separator: ", ")
    guard let nearest = NearestName.suggestion(for: word, among: names) else {
      return "Allowed: \(all)."
    }
    return "Did you mean \(nearest)? Allowed: \(all)."
  }

  /// Whether this is a single value rather than a mapping or a list.
  var isScalar: Bool { node.scalar != nil }

  private var isPlain: Bool { node.tag.description == "tag:yaml.org,2002:bool" }

  private func wrongType(_ wanted: String) -> ConfigurationError {
    error("is \(kind)", allowed: "Allowed: \(wanted).")
  }

  private var kind: String {
    if node.mapping != nil { return "a mapping" }
    if node.sequence != nil { return "a list" }
    let text = node.scalar?.string ?? ""
    return switch node.tag.description {
    case "tag:yaml.org,2002:null": "empty"
    case "tag:yaml.org,2002:int", "tag:yaml.org,2002:float": "the number \(shown(text))"
    case "tag:yaml.org,2002:bool": "the truth value \(shown(text))"
    default: "the text \(shown(text))"
    }
  }

  /// A value as an error quotes it: short, on one line, and not at all when it may be a secret.
  func shown(_ text: String) -> String {
    guard !TextRules.mayHoldSecret(text) else { return "not shown, as it may hold a secret" }
    let line = text.map { $0.isNewline ? " " : $0 }
    return line.count > 80 ? "\"\(String(line.prefix(80)))…\"" : "\"\(String(line))\""
  }
}
