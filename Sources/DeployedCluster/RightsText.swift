/// The text of a file of roles, made anew from the rights that were used.
///
/// A rule, its resources and the comment above it are a person's; its verbs are what was used. It
/// is written like this, with `resourceNames` where it is about single objects:
///
/// ```yaml
/// - apiGroups: [batch]
///   resources: [jobs]
///   verbs: [create, get]
/// ```
package struct RightsText: Sendable {
  /// The whole text.
  package let text: String
  /// Rights that were used and of whose resource there is no rule: somebody has to write one, and
  /// why.
  package let unexplained: [Right]

  /// Makes a text anew; what is no rule stays as it is.
  ///
  /// Verbs keep their order, and new ones come last, in the last rule of their resource. A rule is
  /// split where its resources differ from now on, and goes when nothing of it was used.
  package init(renewing old: String, from used: Set<Right>) {
    let verbs = Dictionary(grouping: used, by: { Resource($0) }).mapValues { Set($0.map(\.verb)) }
    let parts = Part.all(of: old)
    var known: [Resource: Set<String>] = [:]
    var last: [Resource: Int] = [:]
    for (index, part) in parts.enumerated() {
      guard case .rule(let rule) = part else { continue }
      for resource in rule.resources {
        known[resource, default: []].formUnion(rule.verbs)
        last[resource] = index
      }
    }
    let lines = parts.enumerated().flatMap { index, part -> [String] in
      switch part {
      case .line(let line): return [line]
      case .rule(let rule):
        let renewed = rule.renewed { resource in
          let used = verbs[resource] ?? []
          let new = last[resource] == index ? used.subtracting(known[resource] ?? []) : []
          return rule.verbs.filter { used.contains($0) } + new.sorted()
        }
        return renewed.flatMap(\.lines)
      }
    }
    text = lines.joined(separator: "\n")
    unexplained = used.filter { last[Resource($0)] == nil }.sorted()
  }

  private struct Resource: Hashable {
    var group: String
    /// With a subresource behind a slash.
    var name: String

    init(group: String, name: String) {
      self.group = group
      self.name = name
    }

    init(_ right: Right) { self.init(group: right.group, name: right.resource) }
  }

  private struct Rule {
    var group: String
    var resources: [Resource]
    var verbs: [String]
    /// What else it says, a line each.
    var others: [String]

    var lines: [String] {
      let name = group.isEmpty ? "\"\"" : group
      return [
        "- apiGroups: [\(name)]",
        "  resources: [\(resources.map(\.name).joined(separator: ", "))]",
      ] + others + ["  verbs: [\(verbs.joined(separator: ", "))]"]
    }

    /// The rules that take its place, where each of its resources has these verbs.
    func renewed(_ verbs: (Resource) -> [String]) -> [Rule] {
      var rules: [Rule] = []
      for resource in resources {
        let found = verbs(resource)
        if found.isEmpty { continue }
        if rules.last?.verbs == found {
          rules[rules.count - 1].resources.append(resource)
        } else {
          rules.append(Rule(group: group, resources: [resource], verbs: found, others: others))
        }
      }
      return rules
    }
  }

  private enum Part {
    case line(String)
    case rule(Rule)

    /// The parts of a text, in order.
    static func all(of text: String) -> [Part] {
      let all = text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
      var lines = all[...]
      var parts: [Part] = []
      while let line = lines.popFirst() {
        guard line.hasPrefix("- apiGroups: [") else {
          parts.append(.line(line))
          continue
        }
        let rest = lines.prefix { $0.hasPrefix("  ") }
        lines = lines.dropFirst(rest.count)
        parts.append(.rule(rule(line, rest)))
      }
      return parts
    }

    private static func rule(_ first: String, _ rest: ArraySlice<String>) -> Rule {
      let group = words(first).first ?? ""
      var rule = Rule(group: group, resources: [], verbs: [], others: [])
      for line in rest {
        if line.hasPrefix("  resources: [") {
          rule.resources = words(line).map { Resource(group: group, name: $0) }
        } else if line.hasPrefix("  verbs: [") {
          rule.verbs = words(line)
        } else {
          rule.others.append(line)
        }
      }
      return rule
    }

    /// The words of a list in brackets.
    private static func words(_ line: String) -> [String] {
      guard let start = line.firstIndex(of: "["), let end = line.lastIndex(of: "]") else {
        return []
      }
      return line[line.index(after: start)..<end].split(separator: ",").map { word in
        word.filter { $0 != " " && $0 != "\"" }
      }
    }
  }
}
