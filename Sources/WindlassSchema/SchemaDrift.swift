import FoundationEssentials
package import WindlassCore

/// How the schema differs from what Windlass left.
package struct SchemaDrift: Hashable, Sendable {
  /// The version at which Windlass left the schema; nil when nothing was applied then.
  package var recordedVersion: SchemaVersion?
  /// The version that the ledger says now.
  package var version: SchemaVersion?
  /// What changed since, apart from the ledger.
  package var differences: [CatalogueDifference]

  package init(
    recordedVersion: SchemaVersion?, version: SchemaVersion?, differences: [CatalogueDifference]
  ) {
    self.recordedVersion = recordedVersion
    self.version = version
    self.differences = differences
  }

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
  ///
  /// - Parameters:
  ///   - database: the database's name for a person.
  ///   - reference: how the command line names it; no secrets.
  package func failure(database: String, reference: String) -> StepFailure {
    let sentences = sentences
    let more = sentences.count > 3 ? " And \(sentences.count - 3) more." : ""
    return StepFailure(
      code: "SchemaDrift", disposition: .stop,
      message: "The schema of \(database) is not as Windlass left it."
        + " \(sentences.prefix(3).joined(separator: " "))\(more) Undo that, or accept it with"
        + " `windlass schema --database \(reference) --accept-drift`.")
  }
}

/// The schema as Windlass left it, in the form in which a database keeps it.
package struct RecordedCatalogue: Hashable, Sendable {
  /// What the ledger said then.
  package var version: SchemaVersion?
  /// What tells one schema from another without making its catalogue: the SHA-256 of the
  /// catalogue's canonical text, or one of the engine's own text of it.
  package var fingerprint: String
  /// The catalogue as JSON.
  package var json: String

  package init(version: SchemaVersion?, fingerprint: String, json: String) {
    self.version = version
    self.fingerprint = fingerprint
    self.json = json
  }

  /// Makes the record of a catalogue.
  ///
  /// - Parameters:
  ///   - fingerprint: the digest of the engine's own text of the schema, where it has one; nil for
  ///     that of the catalogue's.
  ///   - database: the database's name for a failure's message.
  package init(
    _ catalogue: Catalogue, version: SchemaVersion?, fingerprint: Digest? = nil, database: String
  ) throws(StepFailure) {
    self.version = version
    self.fingerprint = (fingerprint ?? SHA256.digest(of: catalogue.canonicalText)).text
    do {
      json = String(decoding: try JSONEncoder().encode(catalogue), as: UTF8.self)
    } catch {
      throw Self.unreadable("can't be written as JSON (\(error))", database: database)
    }
  }

  /// How the schema as it is now differs; nil when it does not.
  ///
  /// - Parameter database: the database's name for a failure's message.
  package func drift(
    to now: Catalogue, version: SchemaVersion?, database: String
  ) throws(StepFailure) -> SchemaDrift? {
    let text = now.canonicalText
    var before = now
    var isEqual = fingerprint == SHA256.digest(of: text).text
    if !isEqual {
      before = try catalogue(database: database)
      // The fingerprint may be of another text.
      isEqual = before.canonicalText == text
    }
    guard self.version != version || !isEqual else { return nil }
    return SchemaDrift(
      recordedVersion: self.version, version: version, differences: before.differences(to: now))
  }

  private func catalogue(database: String) throws(StepFailure) -> Catalogue {
    do {
      return try JSONDecoder().decode(Catalogue.self, from: Data(json.utf8))
    } catch {
      throw Self.unreadable("was written by another version of Windlass", database: database)
    }
  }

  private static func unreadable(_ reason: String, database: String) -> StepFailure {
    StepFailure(
      code: "CatalogueUnreadable", disposition: .stop,
      message: "The schema that Windlass recorded in \(database) \(reason). Look at the schema,"
        + " then record it again with `windlass schema --accept-drift`.")
  }
}
