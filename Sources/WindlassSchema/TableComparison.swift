/// Compares two states of one table.
struct TableComparison {
  let before: CatalogueTable
  let after: CatalogueTable

  private typealias Kind = CatalogueDifference.Kind

  private var name: String { after.name }

  /// What changed, the columns first.
  var differences: [CatalogueDifference] {
    var differences =
      columns + primaryKey + foreignKeys + indexes + checks + options
    if differences.isEmpty, before.definition != after.definition {
      differences.append(
        difference(
          .definitionChanged,
          "The definition of table \(name) changed from \(before.definition) to"
            + " \(after.definition)."))
    }
    if after.rows < before.rows {
      differences.append(
        difference(
          .rowsLost,
          "Table \(name) lost \(before.rows - after.rows) of its \(before.rows) row(s)."))
    }
    return differences
  }

  private func difference(
    _ kind: Kind, _ sentence: String
  ) -> CatalogueDifference {
    CatalogueDifference(kind: kind, object: name, sentence: sentence)
  }

  // MARK: Columns

  private var columns: [CatalogueDifference] {
    var differences: [CatalogueDifference] = []
    for column in before.columns where !after.columns.contains(where: { $0.name == column.name }) {
      differences.append(
        difference(
          .columnRemoved,
          "Column \(name).\(column.name) is gone."))
    }
    for column in after.columns {
      if let old = before.columns.first(where: { $0.name == column.name }) {
        differences += changes(from: old, to: column)
      } else {
        differences.append(addition(of: column))
      }
    }
    return differences + movement
  }

  private func addition(of column: CatalogueColumn) -> CatalogueDifference {
    let needsValue = column.isNotNull && column.defaultValue == nil && column.generation == nil
    return difference(
      .columnAdded,
      needsValue
        ? "Column \(name).\(column.name) is new, NOT NULL and without a default: an insert that"
          + " does not name it fails."
        : "Column \(name).\(column.name) is new (\(column.type.isEmpty ? "no type" : column.type))."
    )
  }

  private func changes(
    from old: CatalogueColumn, to new: CatalogueColumn
  ) -> [CatalogueDifference] {
    let column = "Column \(name).\(new.name)"
    var differences: [CatalogueDifference] = []
    if old.type != new.type {
      differences.append(
        difference(
          .columnTypeChanged,
          "\(column) changed its type from \(old.type) to \(new.type)."))
    }
    if old.isNotNull != new.isNotNull {
      differences.append(
        difference(
          .columnNullabilityChanged,
          new.isNotNull ? "\(column) became NOT NULL." : "\(column) may now be NULL."))
    }
    if old.defaultValue != new.defaultValue {
      differences.append(
        difference(
          .columnDefaultChanged,
          "\(column) changed its default from \(old.defaultValue ?? "none") to"
            + " \(new.defaultValue ?? "none")."))
    }
    if old.collation != new.collation {
      differences.append(
        difference(
          .columnCollationChanged,
          "\(column) changed its collation from \(old.collation) to \(new.collation)."))
    }
    if old.generation != new.generation {
      differences.append(
        difference(
          .columnGenerationChanged,
          "\(column) changed from \(old.generation ?? "written") to"
            + " \(new.generation ?? "written")."))
    }
    return differences
  }

  /// Columns that both have, in another order: `SELECT *` and inserts without a list notice.
  private var movement: [CatalogueDifference] {
    let old = before.columns.map(\.name)
    let new = after.columns.map(\.name)
    let common = Set(old).intersection(new)
    let isAppended = Array(new.prefix(common.count)) == old.filter(common.contains)
    guard !isAppended else { return [] }
    return [
      difference(
        .columnMoved,
        "The columns of table \(name) are in another order: \(old.joined(separator: ", ")) became"
          + " \(new.joined(separator: ", ")).")
    ]
  }

  // MARK: Keys and indexes

  private var primaryKey: [CatalogueDifference] {
    func key(_ table: CatalogueTable) -> [String] {
      table.columns.filter { $0.keyPosition > 0 }.sorted { $0.keyPosition < $1.keyPosition }
        .map(\.name)
    }
    let (old, new) = (key(before), key(after))
    guard old != new else { return [] }
    return [
      difference(
        .primaryKeyChanged,
        "The primary key of table \(name) changed from (\(old.joined(separator: ", "))) to"
          + " (\(new.joined(separator: ", "))).")
    ]
  }

  private var foreignKeys: [CatalogueDifference] {
    var differences: [CatalogueDifference] = []
    for key in before.foreignKeys where !after.foreignKeys.contains(key) {
      if let new = after.foreignKeys.first(where: { $0.pointsLike(key) }) {
        differences.append(
          difference(
            .foreignKeyActionChanged,
            "The foreign key \(name)\(key.path) changed from \(key.actions) to \(new.actions)."))
      } else {
        differences.append(
          difference(
            .foreignKeyRemoved, "The foreign key \(name)\(key.path) is gone."))
      }
    }
    for key in after.foreignKeys
    where !before.foreignKeys.contains(where: { $0.pointsLike(key) }) {
      differences.append(
        difference(
          .foreignKeyAdded,
          "The foreign key \(name)\(key.path) is new (\(key.actions))."))
    }
    return differences
  }

  private var indexes: [CatalogueDifference] {
    var differences: [CatalogueDifference] = []
    for index in before.indexes where !after.indexes.contains(index) {
      if let new = after.indexes.first(where: { $0.name == index.name }) {
        differences.append(
          difference(
            .indexChanged,
            "Index \(index.name) of table \(name) changed from \(index.text) to \(new.text)."))
      } else {
        differences.append(
          difference(
            .indexRemoved,
            "Index \(index.name) of table \(name) is gone: \(index.text)."))
      }
    }
    for index in after.indexes where !before.indexes.contains(where: { $0.name == index.name }) {
      differences.append(
        difference(
          .indexAdded,
          "Index \(index.name) of table \(name) is new: \(index.text)."))
    }
    return differences
  }

  // MARK: The rest

  private var checks: [CatalogueDifference] {
    before.checks.filter { !after.checks.contains($0) }.map {
      difference(.checkRemoved, "The check \($0) of table \(name) is gone.")
    }
      + after.checks.filter { !before.checks.contains($0) }.map {
        difference(.checkAdded, "The check \($0) of table \(name) is new.")
      }
  }

  private var options: [CatalogueDifference] {
    guard before.options != after.options else { return [] }
    func text(_ options: [String]) -> String {
      options.isEmpty ? "none" : options.joined(separator: ", ")
    }
    return [
      difference(
        .optionsChanged,
        "The options of table \(name) changed from \(text(before.options)) to"
          + " \(text(after.options)).")
    ]
  }
}

extension CatalogueForeignKey {
  /// Whether both go from the same columns to the same ones, whatever their actions are.
  func pointsLike(_ other: CatalogueForeignKey) -> Bool {
    columns == other.columns && parent == other.parent && parentColumns == other.parentColumns
  }

  /// From where to where, such as `(flag) to flags(key)`.
  var path: String {
    let target = parentColumns.isEmpty ? "" : "(\(parentColumns.joined(separator: ", ")))"
    return "(\(columns.joined(separator: ", "))) to \(parent)\(target)"
  }

  /// What happens to a row whose parent changes or goes.
  var actions: String { "ON UPDATE \(onUpdate) ON DELETE \(onDelete)" }
}

extension CatalogueIndex {
  /// What the index is of, such as `unique (a, b) where c > 0`.
  var text: String {
    (isUnique ? "unique " : "") + "(\(columns.joined(separator: ", ")))"
      + (predicate.map { " where \($0)" } ?? "")
  }
}
