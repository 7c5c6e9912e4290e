import WindlassSchema

extension TableChange {
  /// Findings about the primary key.
  var keyFindings: [StructureFinding] {
    // A renamed column is reported as such, and changes no key.
    let before = old.primaryKey.map { name in
      old.column(name).flatMap(successor(of:))?.name ?? name
    }
    let after = new.primaryKey
    guard Set(before) != Set(after) else { return [] }
    let table = "table \(old.name)"
    let (left, right) = (before.joined(separator: ", "), after.joined(separator: ", "))
    if before.isEmpty {
      return [StructureFinding(.narrow, table, "gets the primary key (\(right))", .writesFail)]
    }
    let isStillUnique = new.isUnique(over: before)
    if after.isEmpty {
      let change = "loses its primary key (\(left))"
      return [
        isStillUnique
          ? StructureFinding(.loosen, table, change, .meaningChanged)
          : StructureFinding(.loosen, table, change, .writesFail, .meaningChanged)
      ]
    }
    let change = "has the primary key (\(right)) instead of (\(left))"
    guard isStillUnique, Set(after).isSuperset(of: before) else {
      return [StructureFinding(.changeKey, table, change, .writesFail, .meaningChanged)]
    }
    return [StructureFinding(.changeKey, table, change, .meaningChanged)]
  }

  /// Findings about indexes, which are told apart by what they cover and not by name.
  var indexFindings: [StructureFinding] {
    let gone = old.indexes.filter { index in !new.indexes.contains { $0.covers(index) } }
    let added = new.indexes.filter { index in !old.indexes.contains { $0.covers(index) } }
    return gone.compactMap(finding(gone:)) + added.compactMap(finding(added:))
  }

  private func finding(gone index: CatalogueIndex) -> StructureFinding? {
    // An index over a column that went is part of that finding.
    let columns = Set(old.columns.map(\.name))
    guard index.columns.allSatisfy({ !columns.contains($0) || new.column($0) != nil }) else {
      return nil
    }
    if index.isUnique {
      let isStillUnique = index.predicate == nil && new.isUnique(exactly: index.columns)
      guard !isStillUnique else { return nil }
      return StructureFinding(
        .loosen, "unique index \(index.name) on \(old.name)",
        "is dropped; an upsert that names its columns fails", .writesFail, .meaningChanged)
    }
    let hasReplacement = new.indexes.contains {
      $0.predicate == index.predicate && $0.columns.starts(with: index.columns)
    }
    guard !hasReplacement else { return nil }
    return StructureFinding(
      .dropIndex, "index \(index.name) on \(old.name)", "is dropped", .slow)
  }

  private func finding(added index: CatalogueIndex) -> StructureFinding? {
    guard index.isUnique, !old.isUnique(over: index.columns) else { return nil }
    // NULLs never clash, and running servers leave a column alone that they do not know.
    let isSpared = index.columns.contains { name in
      guard old.column(name) == nil, let column = new.column(name) else { return false }
      return !column.isNotNull && column.hasNoDefault
    }
    guard !isSpared else { return nil }
    return StructureFinding(
      .narrow, "unique index \(index.name) on \(old.name)",
      "is new; what running servers write may violate it", .writesFail)
  }

  /// Findings about foreign keys, which are told apart by their columns on both sides.
  var foreignKeyFindings: [StructureFinding] {
    var findings: [StructureFinding] = []
    for key in new.foreignKeys {
      if let before = old.foreignKeys.first(where: { $0.joins(as: key) }) {
        findings += actionFindings(before, key)
      } else {
        findings.append(finding(added: key))
      }
    }
    for key in old.foreignKeys where !new.foreignKeys.contains(where: { $0.joins(as: key) }) {
      guard key.columns.allSatisfy({ new.column($0) != nil }) else { continue }
      findings.append(
        StructureFinding(
          .loosen, title(key), "is dropped", .writesIncomplete, .meaningChanged))
    }
    return findings
  }

  private func finding(added key: CatalogueForeignKey) -> StructureFinding {
    let isOnNewColumns = key.columns.allSatisfy { name in
      guard old.column(name) == nil, let column = new.column(name) else { return false }
      return column.hasNoDefault
    }
    guard isOnNewColumns else {
      return StructureFinding(
        .narrow, title(key), "is new; what running servers write may violate it", .writesFail)
    }
    return StructureFinding(
      .tightenForeignKey, title(key),
      "is new; what running servers delete in \(key.parent) may be referred to",
      .writesIncomplete)
  }

  private func actionFindings(
    _ before: CatalogueForeignKey, _ after: CatalogueForeignKey
  ) -> [StructureFinding] {
    let actions = [
      ("DELETE", before.onDelete, after.onDelete), ("UPDATE", before.onUpdate, after.onUpdate),
    ]
    return actions.compactMap { verb, old, new in
      let (old, new) = (ForeignKeyAction(old), ForeignKeyAction(new))
      guard old != new else { return nil }
      let change = "has ON \(verb) \(new.rawValue) instead of \(old.rawValue)"
      let setsNullWhereForbidden =
        new == .setNull && after.columns.contains { self.new.column($0)?.isNotNull ?? false }
      if new == .refuse || setsNullWhereForbidden {
        return StructureFinding(.tightenForeignKey, title(after), change, .writesFail)
      }
      return StructureFinding(.loosen, title(after), change, .writesIncomplete, .meaningChanged)
    }
  }

  private func title(_ key: CatalogueForeignKey) -> String {
    let columns = key.columns.joined(separator: ", ")
    return "foreign key of \(old.name) (\(columns)) to \(key.parent)"
  }
}

/// What happens to a child row when its parent goes or changes its key.
private enum ForeignKeyAction: String {
  /// The statement fails: `RESTRICT` and `NO ACTION`, which differ in nothing that counts here.
  case refuse = "NO ACTION"
  case cascade = "CASCADE"
  case setNull = "SET NULL"
  case setDefault = "SET DEFAULT"

  init(_ text: String) { self = ForeignKeyAction(rawValue: text.uppercased()) ?? .refuse }
}

extension CatalogueForeignKey {
  /// Whether deleting a parent row fails while a child refers to it.
  var isStrict: Bool { ForeignKeyAction(onDelete) == .refuse }

  /// Whether both join the same columns of the same tables.
  fileprivate func joins(as other: CatalogueForeignKey) -> Bool {
    columns == other.columns && parent == other.parent && parentColumns == other.parentColumns
  }
}

extension CatalogueIndex {
  /// Whether both cover the same rows and columns in the same way.
  fileprivate func covers(_ other: CatalogueIndex) -> Bool {
    isUnique == other.isUnique && columns == other.columns && predicate == other.predicate
  }
}

extension CatalogueTable {
  /// Whether the key or an index over all rows has exactly these columns, as an upsert needs it.
  fileprivate func isUnique(exactly columns: [String]) -> Bool {
    let wanted = Set(columns)
    return Set(primaryKey) == wanted
      || indexes.contains { $0.isUnique && $0.predicate == nil && Set($0.columns) == wanted }
  }
}
