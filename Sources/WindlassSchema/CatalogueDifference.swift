/// One thing in which two snapshots of a schema differ: a fact for people and for finding drift.
///
/// What it does to servers of the release before is judged elsewhere, from the same snapshots.
package struct CatalogueDifference: Hashable, Codable, Sendable, CustomStringConvertible {
  /// What changed.
  package enum Kind: String, Hashable, Codable, Sendable, CaseIterable {
    case tableAdded, tableRemoved
    case columnAdded, columnRemoved, columnMoved
    case columnTypeChanged, columnNullabilityChanged, columnDefaultChanged
    case columnCollationChanged, columnGenerationChanged
    case primaryKeyChanged
    case foreignKeyAdded, foreignKeyRemoved, foreignKeyActionChanged
    case indexAdded, indexRemoved, indexChanged
    case checkAdded, checkRemoved, optionsChanged, definitionChanged
    case objectAdded, objectRemoved, objectChanged
    case rowsLost
  }

  package var kind: Kind
  /// The table or other object that changed.
  package var object: String
  /// What changed, as a sentence for a person.
  package var sentence: String

  package init(kind: Kind, object: String, sentence: String) {
    self.kind = kind
    self.object = object
    self.sentence = sentence
  }

  package var description: String { sentence }
}

extension Catalogue {
  /// What changed from this snapshot to a later one, tables first, by name.
  package func differences(to after: Catalogue) -> [CatalogueDifference] {
    var differences: [CatalogueDifference] = []
    let (old, new) = (Self.byName(tables, \.name), Self.byName(after.tables, \.name))
    for name in Set(old.keys).union(new.keys).sorted() {
      switch (old[name], new[name]) {
      case (let table?, nil): differences.append(Self.removal(of: table))
      case (nil, .some):
        differences.append(
          CatalogueDifference(
            kind: .tableAdded, object: name, sentence: "Table \(name) is new."))
      case (let before?, let after?):
        differences += TableComparison(before: before, after: after).differences
      case (nil, nil): break
      }
    }
    return differences + objectDifferences(to: after)
  }

  private static func removal(of table: CatalogueTable) -> CatalogueDifference {
    CatalogueDifference(
      kind: .tableRemoved, object: table.name,
      sentence: table.rows > 0
        ? "Table \(table.name) is gone, and with it \(table.rows) row(s)."
        : "Table \(table.name) is gone.")
  }

  private func objectDifferences(to after: Catalogue) -> [CatalogueDifference] {
    let old = Self.byName(objects) { "\($0.kind) \($0.name)" }
    let new = Self.byName(after.objects) { "\($0.kind) \($0.name)" }
    var differences: [CatalogueDifference] = []
    for name in Set(old.keys).union(new.keys).sorted() {
      let text = Self.capitalised(name)
      switch (old[name], new[name]) {
      case (let object?, nil):
        differences.append(
          CatalogueDifference(
            kind: .objectRemoved,
            object: object.name, sentence: "\(text) is gone."))
      case (nil, let object?):
        differences.append(
          CatalogueDifference(
            kind: .objectAdded,
            object: object.name, sentence: "\(text) is new: \(object.definition)."))
      case (let before?, let after?) where before != after:
        differences.append(
          CatalogueDifference(
            kind: .objectChanged,
            object: after.name,
            sentence: "\(text) changed from \(before.definition) to \(after.definition)."))
      default: break
      }
    }
    return differences
  }

  private static func capitalised(_ text: String) -> String {
    text.prefix(1).uppercased() + text.dropFirst()
  }

  private static func byName<Element>(
    _ elements: [Element], _ name: (Element) -> String
  ) -> [String: Element] {
    Dictionary(elements.map { (name($0), $0) }, uniquingKeysWith: { first, _ in first })
  }
}
