import WindlassSchema

extension TableChange {
  /// Findings about single columns: gone, renamed, new, and what changed in those that stay.
  var columnFindings: [StructureFinding] {
    var findings: [StructureFinding] = []
    for column in old.columns {
      if let kept = new.column(column.name) {
        findings += nullFindings(column, kept) + defaultFindings(column, kept)
        findings += typeFindings(column, kept)
      } else if let successor = successor(of: column) {
        findings.append(
          StructureFinding(
            .renameColumn, name(column), "is now called \(successor.name)",
            .readsFail, .writesFail))
      }
    }
    findings += goneColumns.map {
      StructureFinding(
        .dropColumn, name($0), "is dropped", .readsFail, .writesFail, .dataLost)
    }
    return findings + addedColumns.compactMap(finding(added:))
  }

  private func finding(added column: CatalogueColumn) -> StructureFinding? {
    if column.isNotNull, column.hasNoDefault {
      return StructureFinding(
        .requiredColumn, name(column), "is new, NOT NULL and has no default", .writesFail)
    }
    guard old.rows > 0 else { return nil }
    return StructureFinding(
      .unmaintainedColumn, name(column), "is new and not written by the running servers",
      .writesIncomplete)
  }

  private func nullFindings(
    _ column: CatalogueColumn, _ kept: CatalogueColumn
  ) -> [StructureFinding] {
    switch (column.isNotNull, kept.isNotNull) {
    case (false, true):
      [StructureFinding(.forbidNull, name(column), "no longer takes NULL", .writesFail)]
    case (true, false):
      [
        StructureFinding(
          .loosen, name(column), "now takes NULL, which running servers may not expect",
          .meaningChanged)
      ]
    default: []
    }
  }

  private func defaultFindings(
    _ column: CatalogueColumn, _ kept: CatalogueColumn
  ) -> [StructureFinding] {
    guard column.defaultValue != kept.defaultValue else { return [] }
    if kept.hasNoDefault, kept.isNotNull, !column.hasNoDefault {
      return [
        StructureFinding(
          .dropDefault, name(column), "loses its default and stays NOT NULL", .writesFail)
      ]
    }
    let before = column.defaultValue ?? "none"
    let after = kept.defaultValue ?? "none"
    return [
      StructureFinding(
        .changeDefault, name(column), "has another default: \(before), now \(after)",
        .meaningChanged)
    ]
  }

  private func typeFindings(
    _ column: CatalogueColumn, _ kept: CatalogueColumn
  ) -> [StructureFinding] {
    let change = "has another type: \(column.type), now \(kept.type)"
    return switch TypeChange(from: column.type, to: kept.type) {
    case .same: []
    case .wider:
      [StructureFinding(.narrow, name(column), change, .meaningChanged, .preparedFails)]
    case .other: [StructureFinding(.narrow, name(column), change, .readsFail, .writesFail)]
    }
  }
}

extension CatalogueColumn {
  /// Whether a row inserted without this column gets nothing but NULL.
  var hasNoDefault: Bool { defaultValue == nil || defaultValue?.uppercased() == "NULL" }
}
