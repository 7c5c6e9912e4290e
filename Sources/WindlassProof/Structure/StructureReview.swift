package import WindlassSchema

/// Judges what migrations did to a schema by the catalogues before and after, for servers of the
/// release before them, without running anything.
///
/// It sees what no probe happened to touch; what it can't see (queries, restarts) the probes show.
package struct StructureReview: Sendable {
  /// Tables that belong to ledgers and to Windlass itself, which migrations keep anew each time.
  package static func isBookkeeping(_ table: String) -> Bool {
    OwnTables.isOwn(table) || table == "schema_migrations" || table == "schema_lock"
  }

  /// The findings of what ran before the roll, breaking ones first, then by rule and object.
  package static func expansion(from before: Catalogue, to after: Catalogue) -> [StructureFinding] {
    let before = serviceTables(of: before)
    let after = serviceTables(of: after)
    var findings = goneTables(from: before, to: after) + newTables(from: before, to: after)
    for (old, new) in sharedTables(before, after) {
      let change = TableChange(old: old, new: new)
      findings += change.columnFindings + change.orderFindings + change.keyFindings
      findings += change.indexFindings + change.foreignKeyFindings + change.checkFindings
      findings += change.rowFindings
    }
    findings += objectFindings(from: before.objects, to: after.objects)
    return sorted(findings)
  }

  /// The findings of what runs after the commit point: objects may go, but no table that stays may
  /// lose rows.
  package static func contraction(
    from before: Catalogue, to after: Catalogue
  ) -> [StructureFinding] {
    sorted(
      sharedTables(serviceTables(of: before), serviceTables(of: after))
        .flatMap { TableChange(old: $0, new: $1).rowFindings })
  }

  /// What changed in the service's own schema, a line each, for a person.
  package static func differences(from before: Catalogue, to after: Catalogue) -> [String] {
    serviceTables(of: before).differences(to: serviceTables(of: after)).map {
      Excerpt.plain($0.sentence)
    }
  }

  private static func serviceTables(of catalogue: Catalogue) -> Catalogue {
    Catalogue(
      tables: catalogue.tables.filter { !isBookkeeping($0.name) },
      objects: catalogue.objects.filter { !isBookkeeping($0.name) })
  }

  private static func sharedTables(
    _ before: Catalogue, _ after: Catalogue
  ) -> [(CatalogueTable, CatalogueTable)] {
    before.tables.compactMap { old in
      after.tables.first { $0.name == old.name }.map { (old, $0) }
    }
  }

  private static func added(_ before: Catalogue, _ after: Catalogue) -> [CatalogueTable] {
    after.tables.filter { new in !before.tables.contains { $0.name == new.name } }
  }

  private static func goneTables(
    from before: Catalogue, to after: Catalogue
  ) -> [StructureFinding] {
    let added = added(before, after)
    let gone = before.tables.filter { old in !after.tables.contains { $0.name == old.name } }
    return gone.map { old in
      let twin = added.first { $0.columns.map(\.name) == old.columns.map(\.name) }
      if let twin {
        return StructureFinding(
          .renameTable, "table \(old.name)", "is now called \(twin.name)",
          .readsFail, .writesFail)
      }
      let rows = old.rows == 1 ? "1 row" : "\(old.rows) rows"
      return StructureFinding(
        .dropTable, "table \(old.name)", "is dropped with \(rows)",
        .readsFail, .writesFail, .dataLost)
    }
  }

  private static func newTables(from before: Catalogue, to after: Catalogue) -> [StructureFinding] {
    let goneColumns = before.tables.filter { old in
      !after.tables.contains { $0.name == old.name }
    }.map { $0.columns.map(\.name) }
    var findings: [StructureFinding] = []
    for table in added(before, after) {
      // A renamed table brings its rows along, and is reported as renamed.
      let isRenamed = goneColumns.contains(table.columns.map(\.name))
      if table.rows > 0, !isRenamed {
        findings.append(
          StructureFinding(
            .copyRows, "table \(table.name)",
            "is new and filled; rows that running servers write after the copy are missing in it",
            .writesIncomplete))
      }
      for key in table.foreignKeys where key.isStrict && !isRenamed {
        guard before.tables.contains(where: { $0.name == key.parent }) else { continue }
        findings.append(
          StructureFinding(
            .tightenForeignKey, "table \(table.name)",
            "is new and refers to \(key.parent) with ON DELETE \(key.onDelete); running servers "
              + "can't delete a row of \(key.parent) that it refers to",
            .writesIncomplete))
      }
    }
    return findings
  }

  private static func sorted(_ findings: [StructureFinding]) -> [StructureFinding] {
    let order = Dictionary(
      uniqueKeysWithValues: StructureRule.allCases.enumerated().map { ($1, $0) })
    return findings.sorted { left, right in
      if left.isBreaking != right.isBreaking { return left.isBreaking }
      let ranks = (order[left.rule] ?? 0, order[right.rule] ?? 0)
      if ranks.0 != ranks.1 { return ranks.0 < ranks.1 }
      return (left.object, left.change) < (right.object, right.change)
    }
  }
}
