import WindlassSchema

extension TableChange {
  /// Findings about single columns: gone, renamed, new, and what changed in those that stay.
  var columnFindings: [StructureFinding] {
    var findings: [StructureFinding] = []
    for column in old.columns {
      if let kept = new.column(column.name) {
        findings += nullFindings(column, kept) + defaultFindings(column, kept)
        findings += typeFindings(column, kept) + valueFindings(column, kept)
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
    guard column.generation == nil else { return nil }
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
    guard column.defaultValue != kept.defaultValue, !(column.hasNoDefault && kept.hasNoDefault)
    else { return [] }
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

extension TableChange {
  /// Findings about how a column's values compare and come about.
  private func valueFindings(
    _ column: CatalogueColumn, _ kept: CatalogueColumn
  ) -> [StructureFinding] {
    var findings: [StructureFinding] = []
    if column.collation != kept.collation {
      findings.append(
        StructureFinding(
          .changeCollation, name(column),
          "compares by \(kept.collation.isEmpty ? "the ordinary collation" : kept.collation)",
          .meaningChanged))
    }
    switch (column.generation, kept.generation) {
    case (nil, .some):
      findings.append(
        StructureFinding(.narrow, name(column), "can no longer be written", .writesFail))
    case (.some, nil):
      findings.append(
        StructureFinding(
          .unmaintainedColumn, name(column), "is no longer generated, and nobody writes it yet",
          .writesIncomplete))
    case (let before, let after) where before != after:
      findings.append(
        StructureFinding(
          .changeDefault, name(column), "is generated in another way", .meaningChanged))
    default: break
    }
    return findings
  }

  /// Findings about conditions that rows must meet, and about options of the whole table.
  var checkFindings: [StructureFinding] {
    var findings: [StructureFinding] = []
    for check in new.checks where !old.checks.contains(check) {
      // Rows of running servers have NULL or the default there, which the migration had to pass.
      guard !isAbout(addedColumns, not: old.columns, check) else { continue }
      findings.append(
        StructureFinding(
          .narrow, "table \(old.name)",
          "gets the check (\(check)); what running servers write may violate it", .writesFail))
    }
    for check in old.checks where !new.checks.contains(check) {
      // It went with its columns, whose going is a finding of its own.
      guard !isAbout(goneColumns, not: new.columns, check) else { continue }
      findings.append(
        StructureFinding(
          .loosen, "table \(old.name)", "loses the check (\(check))", .meaningChanged))
    }
    // Which row gets which number next is nobody's contract.
    let before = Set(old.options).subtracting(["AUTOINCREMENT"])
    let after = Set(new.options).subtracting(["AUTOINCREMENT"])
    let (gained, lost) = (after.subtracting(before), before.subtracting(after))
    if !gained.isEmpty {
      findings.append(
        StructureFinding(
          .narrow, "table \(old.name)",
          "becomes \(gained.sorted().joined(separator: ", ")), which refuses what running servers "
            + "may write or read", .readsFail, .writesFail))
    }
    if !lost.isEmpty {
      findings.append(
        StructureFinding(
          .loosen, "table \(old.name)",
          "is no longer \(lost.sorted().joined(separator: ", "))", .meaningChanged))
    }
    return findings
  }

  /// Whether a check names one of some columns and none of others.
  private func isAbout(
    _ columns: [CatalogueColumn], not others: [CatalogueColumn], _ check: String
  ) -> Bool {
    let words = Set(
      check.lowercased().split { !($0.isLetter || $0.isNumber || $0 == "_") }.map(String.init))
    let isNamed = { (column: CatalogueColumn) in words.contains(column.name.lowercased()) }
    return columns.contains(where: isNamed) && !others.contains(where: isNamed)
  }
}

extension CatalogueColumn {
  /// Whether a row inserted without this column gets nothing but NULL.
  var hasNoDefault: Bool { defaultValue == nil || defaultValue?.uppercased() == "NULL" }
}
