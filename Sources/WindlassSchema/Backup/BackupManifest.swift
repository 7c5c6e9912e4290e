import FoundationEssentials
package import WindlassCore

/// What a backup holds and how far that was proven; it lies beside the backup's file.
package struct BackupManifest: Hashable, Codable, Sendable {
  /// How much was proven of a backup.
  package enum Proof: String, Hashable, Codable, Sendable {
    /// The file is there and its digest is known.
    case digest
    /// It was restored, and every table's rows, their digests and all definitions were equal to
    /// those of the database at the moment of the backup.
    case restored
  }

  /// The layout of this document; a higher one was written by a later Windlass.
  package var format = 1
  package var id: BackupID
  package var run: RunID
  package var purpose: BackupPurpose
  /// The database that it is of, without secrets.
  package var database: String
  package var systemID: String
  package var schema: SchemaVersion?
  package var isDirty: Bool
  package var epoch: Epoch?
  package var takenAt: Timestamp
  package var verifiedAt: Timestamp?
  package var proof: Proof
  /// SQLite's journal mode by its name; nil on other engines.
  package var journalMode: String?
  /// How the engine makes an empty database like this one, in its own words; nil where there is
  /// nothing to say.
  package var model: [String]?
  /// The versions of what made the copy.
  package var library: String
  package var size: Int64
  package var digest: Digest
  package var contents: DatabaseContents

  /// Rows of all tables together.
  package var rows: Int64 { contents.tables.reduce(0) { $0 + $1.rows } }
  /// How many tables it has, with the ledger and the history.
  package var tables: Int { contents.tables.count }

  /// What the steps of a run need to know.
  package var receipt: BackupReceipt {
    BackupReceipt(
      id: id, run: run, purpose: purpose, digest: digest, systemID: systemID, schema: schema,
      isVerified: proof == .restored)
  }

  package init(
    id: BackupID, run: RunID, purpose: BackupPurpose, database: String, systemID: String,
    schema: SchemaVersion?, isDirty: Bool, epoch: Epoch?, takenAt: Timestamp,
    journalMode: String? = nil, library: String, contents: DatabaseContents
  ) {
    self.id = id
    self.run = run
    self.purpose = purpose
    self.database = database
    self.systemID = systemID
    self.schema = schema
    self.isDirty = isDirty
    self.epoch = epoch
    self.takenAt = takenAt
    self.journalMode = journalMode
    self.library = library
    self.contents = contents
    proof = .digest
    size = 0
    digest = Digest("")
  }

  // MARK: Text

  /// The document as one line of JSON, and a second line with that line's SHA-256.
  package func encoded() throws(StepFailure) -> [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = .sortedKeys
    do {
      let body = Array(try encoder.encode(self))
      return body + Array("\n\(SHA256.digest(of: body))\n".utf8)
    } catch {
      throw StepFailure(
        code: "BackupManifestUnwritable", disposition: .stop,
        message: "The manifest of backup \(id) can't be written as JSON (\(error)). Report it.")
    }
  }

  /// Reads a document; any flipped bit or missing byte makes it unreadable.
  package static func decode(_ bytes: [UInt8], path: String) throws(StepFailure) -> BackupManifest {
    let lines = bytes.split(separator: 0x0A, omittingEmptySubsequences: false).map(Array.init)
    guard lines.count == 3, lines[2].isEmpty,
      SHA256.digest(of: lines[0]).text.utf8.elementsEqual(lines[1])
    else { throw damaged(path, "its checksum is wrong") }
    do {
      let manifest = try JSONDecoder().decode(BackupManifest.self, from: Data(lines[0]))
      guard manifest.format == 1 else {
        throw damaged(path, "it was written by a later version of Windlass")
      }
      return manifest
    } catch let failure as StepFailure {
      throw failure
    } catch {
      throw damaged(path, "it is not complete")
    }
  }

  private static func damaged(_ path: String, _ reason: String) -> StepFailure {
    StepFailure(
      code: "BackupDamaged", disposition: .stop,
      message: "The backup manifest \(path) can't be used: \(reason). Use another backup, and move"
        + " this one out of the directory.")
  }
}
