/// Which pods are a service's, by their labels.
package struct PodSelector: Hashable, Sendable, CustomStringConvertible {
  private struct Requirement: Hashable, Sendable {
    var key: String
    /// One of these.
    var values: [String]
  }

  private let requirements: [Requirement]

  /// Reads `app=web`, `app in (web, web-primary)`, or several of these with commas between; nil for
  /// anything else.
  package init?(_ text: String) {
    var rest = text[...]
    var found: [Requirement] = []
    while true {
      guard let requirement = Self.take(from: &rest) else { return nil }
      found.append(requirement)
      if rest.isEmpty { break }
      guard rest.removeFirst() == "," else { return nil }
    }
    requirements = found
  }

  /// Takes the first requirement off a text.
  private static func take(from rest: inout Substring) -> Requirement? {
    let key = rest.prefix { $0 != "=" && $0 != " " }
    rest = rest[key.endIndex...]
    guard isWord(key, besides: "/") else { return nil }
    if rest.first == "=" {
      let value = rest.dropFirst().prefix { $0 != "," }
      rest = rest[value.endIndex...]
      guard isWord(value) else { return nil }
      return Requirement(key: String(key), values: [String(value)])
    }
    let opening = " in ("
    guard rest.hasPrefix(opening), let end = rest.firstIndex(of: ")") else { return nil }
    let listed = rest[rest.startIndex..<end].dropFirst(opening.count)
    rest = rest[rest.index(after: end)...]
    let values = listed.split(separator: ",", omittingEmptySubsequences: false).map { value in
      value.first == " " ? value.dropFirst() : value
    }
    guard !values.isEmpty, values.allSatisfy({ isWord($0) }) else { return nil }
    return Requirement(key: String(key), values: values.map(String.init))
  }

  /// Whether it consists of letters, digits, hyphens, dots, underscores and what else may be there.
  private static func isWord(_ text: Substring, besides others: String = "") -> Bool {
    !text.isEmpty
      && text.utf8.allSatisfy { byte in
        switch byte {
        case 0x2D, 0x2E, 0x30...0x39, 0x41...0x5A, 0x5F, 0x61...0x7A: true
        default: others.utf8.contains(byte)
        }
      }
  }

  /// Whether a pod with these labels is one of them.
  package func selects(_ labels: [String: String]) -> Bool {
    requirements.allSatisfy { requirement in
      labels[requirement.key].map(requirement.values.contains) ?? false
    }
  }

  /// In the form that requests have.
  package var description: String {
    requirements.map { requirement in
      requirement.values.count == 1
        ? "\(requirement.key)=\(requirement.values[0])"
        : "\(requirement.key) in (\(requirement.values.joined(separator: ",")))"
    }.joined(separator: ",")
  }
}
