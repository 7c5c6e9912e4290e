import FoundationEssentials
package import WindlassCore
package import WindlassSchema

/// How the schema differs from what Windlass left.
package struct SchemaDrift: Hashable, Sendable {
  /// The version at which Windlass left the schema; nil when nothing was applied then.
  package var recordedVersion: SchemaVersion?
  /// The version that the ledger says now.
  package var version: SchemaVersion?
  /// What changed since, apart from the ledger.
  package var differences: [CatalogueDifference]

  /// Everything, as sentences.
  package var sentences: [String] {
    var sentences = differences.map(\.sentence)
    if recordedVersion != version {
      sentences.insert(
        "The ledger says \(version?.description ?? "nothing applied"), and Windlass left it at"
          + " \(recordedVersion?.description ?? "nothing applied").", at: 0)
    }
    return sentences
  }

  /// The failure for a schema that is not as it was left.
  func failure(path: String) -> StepFailure {
    let sentences = sentences
    let more = sentences.count > 3 ? " And \(sentences.count - 3) more." : ""
    return StepFailure(
      code: "SchemaDrift", disposition: .stop,
      message: "The schema of \(path) is not as Windlass left it."
        + " \(sentences.prefix(3).joined(separator: " "))\(more) Undo that, or accept it with"
        + " `windlass schema --database \(SQLiteURL.url(of: path)) --accept-drift`.")
  }
}

extension OwnSchema {
  /// Records the schema as it is now, as the one from which drift is told.
  func recordCatalogue() throws(StepFailure) {
    let catalogue = try connection.catalogue(ledger: ledger, countsRows: false)
    let version = try ledgerRow().version
    try connection.execute(
      """
      INSERT OR REPLACE INTO \(OwnTables.catalogue) (id, version, fingerprint, catalogue)
      VALUES (1, ?, ?, ?)
      """,
      [
        version.map { .integer(Int64(bitPattern: $0.number)) } ?? .null,
        .text(SHA256.digest(of: catalogue.canonicalText).text), .text(try encoded(catalogue)),
      ])
  }

  /// How the schema differs from the recorded one; nil when it does not, or none is recorded.
  func drift() throws(StepFailure) -> SchemaDrift? {
    guard try has(OwnTables.catalogue),
      let row = try connection.rows(
        "SELECT version, fingerprint, catalogue FROM \(OwnTables.catalogue)", limit: 1
      ).first
    else { return nil }
    let recorded = row["version"].integer.map { SchemaVersion(UInt64(bitPattern: $0)) }
    let version = try ledgerRow().version
    let now = try connection.catalogue(ledger: ledger, countsRows: false)
    let isEqual = row["fingerprint"] == .text(SHA256.digest(of: now.canonicalText).text)
    guard recorded != version || !isEqual else { return nil }
    let before = isEqual ? now : try decoded(row["catalogue"].text ?? "")
    return SchemaDrift(
      recordedVersion: recorded, version: version, differences: before.differences(to: now))
  }

  private func encoded(_ catalogue: Catalogue) throws(StepFailure) -> String {
    do {
      return String(decoding: try JSONEncoder().encode(catalogue), as: UTF8.self)
    } catch {
      throw unreadable("can't be written as JSON (\(error))")
    }
  }

  private func decoded(_ text: String) throws(StepFailure) -> Catalogue {
    do {
      return try JSONDecoder().decode(Catalogue.self, from: Data(text.utf8))
    } catch {
      throw unreadable("was written by another version of Windlass")
    }
  }

  private func unreadable(_ reason: String) -> StepFailure {
    StepFailure(
      code: "CatalogueUnreadable", disposition: .stop,
      message: "The schema that Windlass recorded in \(connection.path) \(reason). Look at the"
        + " schema, then record it again with `windlass schema --accept-drift`.")
  }
}
