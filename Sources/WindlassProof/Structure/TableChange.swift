import WindlassSchema

/// One table that exists before and after, and the findings about what changed in it.
struct TableChange {
  let old: CatalogueTable
  let new: CatalogueTable

  /// Columns that are gone and have no successor in their place.
  var goneColumns: [CatalogueColumn] {
    old.columns.filter { column in
      new.column(column.name) == nil && successor(of: column) == nil
    }
  }

  /// Columns that are new and succeed none that went.
  var addedColumns: [CatalogueColumn] {
    new.columns.filter { column in
      old.column(column.name) == nil
        && !old.columns.contains { successor(of: $0)?.name == column.name }
    }
  }

  /// The new column that stands where a column of equal type went: most likely its new name.
  func successor(of column: CatalogueColumn) -> CatalogueColumn? {
    guard new.column(column.name) == nil,
      let place = old.columns.firstIndex(where: { $0.name == column.name }),
      new.columns.indices.contains(place)
    else { return nil }
    let candidate = new.columns[place]
    let isNewName = old.column(candidate.name) == nil
    return isNewName && candidate.type == column.type ? candidate : nil
  }

  /// Rows that were there before and are not any more.
  var rowFindings: [StructureFinding] {
    guard new.rows < old.rows else { return [] }
    return [
      StructureFinding(
        .loseRows, "table \(old.name)",
        "loses \(old.rows - new.rows) of \(old.rows) rows", .dataLost)
    ]
  }

  /// Columns that no longer stand in the order in which positional statements expect them.
  var orderFindings: [StructureFinding] {
    let before = old.columns.map(\.name).filter { new.column($0) != nil }
    let after = new.columns.map(\.name).filter { old.column($0) != nil }
    let isReordered = before != after
    let lastKept = new.columns.lastIndex { old.column($0.name) != nil } ?? -1
    let inserted = addedColumns.first { column in
      (new.columns.firstIndex { $0.name == column.name } ?? 0) < lastKept
    }
    guard isReordered || inserted != nil else { return [] }
    let change =
      inserted.map { "has the new column \($0.name) between the old ones" }
      ?? "has its columns in another order"
    return [
      StructureFinding(.moveColumn, "table \(old.name)", change, .readsFail, .meaningChanged)
    ]
  }

  /// A column's name with its table's.
  func name(_ column: CatalogueColumn) -> String { "column \(old.name).\(column.name)" }
}

extension CatalogueTable {
  /// The column of that name.
  func column(_ name: String) -> CatalogueColumn? { columns.first { $0.name == name } }

  /// The names of the primary key's columns, in the key's order.
  var primaryKey: [String] {
    columns.filter { $0.keyPosition > 0 }.sorted { $0.keyPosition < $1.keyPosition }.map(\.name)
  }

  /// Whether no two rows can agree in these columns, by the key or an index over all rows.
  func isUnique(over columns: [String]) -> Bool {
    let wanted = Set(columns)
    return (!primaryKey.isEmpty && wanted.isSuperset(of: primaryKey))
      || indexes.contains {
        $0.isUnique && $0.predicate == nil && !$0.columns.isEmpty
          && wanted.isSuperset(of: $0.columns)
      }
  }
}
