import WindlassWire

/// Which labels an object must have.
struct LabelSelector: Hashable, Sendable {
  private enum Requirement: Hashable, Sendable {
    case isIn(String, [String])
    case isNotIn(String, [String])
    case exists(String)
    case isAbsent(String)
  }

  private var requirements: [Requirement] = []

  /// Reads `a=b,c!=d,e in (f,g),h,!i`.
  init(_ text: String) throws(APIFailure) {
    for part in Self.parts(text) {
      requirements.append(try Self.requirement(part))
    }
  }

  /// Labels of which only one value will do.
  var fixed: [(name: String, value: String)] {
    requirements.compactMap { requirement in
      guard case .isIn(let name, let values) = requirement, values.count == 1 else { return nil }
      return (name, values[0])
    }
  }

  /// Whether an object has the labels.
  func matches(_ object: JSONValue) -> Bool {
    let labels = object.at("metadata", "labels")
    return requirements.allSatisfy { requirement in
      switch requirement {
      case .isIn(let name, let values): labels?[name]?.string.map(values.contains) ?? false
      case .isNotIn(let name, let values): !(labels?[name]?.string.map(values.contains) ?? false)
      case .exists(let name): labels?[name] != nil
      case .isAbsent(let name): labels?[name] == nil
      }
    }
  }

  /// Parts between commas that are not in parentheses.
  private static func parts(_ text: String) -> [String] {
    var parts: [String] = []
    var depth = 0
    var part = ""
    for character in text {
      if character == "(" { depth += 1 }
      if character == ")" { depth -= 1 }
      if character == ",", depth == 0 {
        parts.append(part)
        part = ""
      } else {
        part.append(character)
      }
    }
    return (parts + [part]).map { String($0.trimmingSpaces) }.filter { !$0.isEmpty }
  }

  private static func requirement(_ part: String) throws(APIFailure) -> Requirement {
    for mark in ["==", "!=", "="] {
      guard let range = part.firstRange(of: mark) else { continue }
      let name = String(part[..<range.lowerBound].trimmingSpaces)
      let value = String(part[range.upperBound...].trimmingSpaces)
      guard !name.isEmpty else {
        throw .badRequest("found '\(mark)', expected: !, identifier, or 'end of string'")
      }
      return mark == "!=" ? .isNotIn(name, [value]) : .isIn(name, [value])
    }
    let words = part.split(separator: " ", maxSplits: 2).map(String.init)
    if words.count >= 2, ["in", "notin"].contains(words[1]),
      let open = part.firstIndex(of: "("), let close = part.lastIndex(of: ")")
    {
      let values = part[part.index(after: open)..<close].split(separator: ",").map {
        String($0.trimmingSpaces)
      }
      return words[1] == "in" ? .isIn(words[0], values) : .isNotIn(words[0], values)
    }
    return part.hasPrefix("!")
      ? .isAbsent(String(part.dropFirst().trimmingSpaces)) : .exists(part)
  }
}

/// Which fields an object must have.
struct FieldSelector: Hashable, Sendable {
  private var terms: [Term] = []

  private struct Term: Hashable, Sendable {
    var path: [String]
    var value: String
    var isEqual: Bool
  }

  /// Reads `metadata.name=a,spec.image!=b`; fields must be ones that the resource allows.
  init(_ text: String, _ type: ResourceType) throws(APIFailure) {
    for part in text.split(separator: ",") {
      let mark = part.contains("!=") ? "!=" : part.contains("==") ? "==" : "="
      guard let range = part.firstRange(of: mark) else {
        throw .badRequest("invalid selector: '\(text)'; can't understand '\(part)'")
      }
      let name = String(part[..<range.lowerBound])
      guard let path = Self.path(name, type) else { throw Self.unknown(name, type) }
      terms.append(
        Term(path: path, value: String(part[range.upperBound...]), isEqual: mark != "!="))
    }
  }

  /// Whether an object has the values.
  func matches(_ object: JSONValue) -> Bool {
    terms.allSatisfy { term in
      let value = object.at(term.path)
      let text = value?.string ?? value?.text ?? ""
      return (text == term.value) == term.isEqual
    }
  }

  private static func path(_ name: String, _ type: ResourceType) -> [String]? {
    let words = name.split(separator: ".").map(String.init)
    if ["metadata.name", "metadata.namespace"].contains(name) { return words }
    if let definition = type.definition {
      return definition.selectableFields.contains(words) ? words : nil
    }
    return known[type.plural]?.contains(name) == true ? words : nil
  }

  private static let known: [String: Set<String>] = [
    "events": [
      "involvedObject.kind", "involvedObject.namespace", "involvedObject.name",
      "involvedObject.uid", "involvedObject.apiVersion", "involvedObject.resourceVersion",
      "involvedObject.fieldPath", "reason", "reportingComponent", "source", "type",
    ],
    "pods": [
      "spec.nodeName", "spec.restartPolicy", "spec.schedulerName", "spec.serviceAccountName",
      "spec.hostNetwork", "status.phase", "status.podIP", "status.nominatedNodeName",
    ],
    "jobs": ["status.successful"],
    "namespaces": ["status.phase"],
    "secrets": ["type"],
  ]

  private static func unknown(_ name: String, _ type: ResourceType) -> APIFailure {
    type.isCustom
      ? .badRequest("field label not supported: \(name)")
      : .badRequest(
        "\(quoted(name)) is not a known field selector: only \"metadata.name\", "
          + "\"metadata.namespace\"")
  }
}

extension StringProtocol {
  /// The text without white space at either end.
  var trimmingSpaces: SubSequence {
    let start = firstIndex { !$0.isWhitespace } ?? endIndex
    let end = lastIndex { !$0.isWhitespace }.map(index(after:)) ?? endIndex
    return start < end ? self[start..<end] : self[endIndex..<endIndex]
  }
}
