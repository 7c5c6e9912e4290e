/// A change of the schema that matters to the servers of the release before it.
package struct StructureFinding: Hashable, Codable, Sendable {
  package var rule: StructureRule
  /// The table, `table.column`, index or other object that changed.
  package var object: String
  /// What happened to it, in words that follow the object's name.
  package var change: String
  /// What it does to the older servers, ascending.
  package var classes: [CompatibilityClass]

  package init(
    _ rule: StructureRule, _ object: String, _ change: String, _ classes: CompatibilityClass...
  ) {
    self.rule = rule
    self.object = Excerpt.plain(object, limit: 200)
    self.change = Excerpt.plain(change, limit: 400)
    self.classes = classes.sorted()
  }

  /// Whether the finding alone makes the release unsafe, whatever the probes say.
  package var isBreaking: Bool { classes.contains { $0.isBreaking } }

  /// The finding as evidence: the rule, the object, the classes, and the safe way.
  package var sentence: String {
    let effects = classes.map(\.rawValue).joined(separator: " ")
    return "\(rule.rawValue): \(object) \(change) (\(effects)); instead: \(rule.rewrite)"
  }
}
