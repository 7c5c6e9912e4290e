import FoundationEssentials
import WindlassCore
import WindlassSchema

/// How far a migration has come that can't run in one transaction.
struct CockroachProgress: Hashable {
  /// What every dialect keeps.
  var common: MigrationProgress
  /// The SHA-256 of the statements that are done; the rest of the file may be corrected.
  var prefix: Digest
  /// The SHA-256 of the statement that was begun last.
  var statement: Digest
  /// When that was, by the server's clock.
  var beganAt: Timestamp
  /// The schema before that statement, as JSON.
  var catalogue: String

  /// Whether a statement was begun of which nobody noted that it is done.
  var isUnderWay: Bool { common.begun > common.done }

  private static let undecided = Digest("undecided")

  /// Whether an earlier attempt could not find out what became of the statement.
  var isUndecided: Bool { statement == Self.undecided }

  /// The same for a statement of which it can't be told; in place of the schema stands why.
  func undecided(because reason: String) -> CockroachProgress {
    var copy = self
    copy.statement = Self.undecided
    copy.catalogue = reason
    return copy
  }

  /// The schema before the statement under way.
  func catalogueBefore() -> Catalogue? {
    // An unreadable one proves nothing, and then nothing is concluded from it.
    try? JSONDecoder().decode(Catalogue.self, from: Data(catalogue.utf8))
  }

  /// The digest of the first steps of a script.
  static func digest(of steps: some Sequence<CockroachScript.Step>) -> Digest {
    SHA256.digest(of: steps.map { "\($0.text.utf8.count):\($0.text)" }.joined())
  }

  /// The schema as the journal keeps it.
  static func encoded(_ catalogue: Catalogue, place: String) throws(StepFailure) -> String {
    do {
      return String(decoding: try JSONEncoder().encode(catalogue), as: UTF8.self)
    } catch {
      throw StepFailure(
        code: "JournalUnwritable", disposition: .stop,
        message: "The schema of \(place) can't be written as JSON (\(error)). Report it.")
    }
  }
}

extension PostgresOwnSchema {
  /// The migration under way, if the ledger says that it is.
  func cockroachProgress() throws(StepFailure) -> CockroachProgress? {
    guard let common = try progress(),
      let row = try connection.rows(
        "SELECT prefix, statement, began_at, catalogue FROM \(place.own(OwnTables.progress))",
        limit: 1
      ).first
    else { return nil }
    return CockroachProgress(
      common: common, prefix: Digest(row.values[0].text ?? ""),
      statement: Digest(row.values[1].text ?? ""),
      beganAt: Timestamp(milliseconds: row.values[2].integer ?? 0),
      catalogue: row.values[3].text ?? "")
  }

  /// Writes how far the migration has come.
  func write(_ progress: CockroachProgress) throws(StepFailure) {
    let common = progress.common
    try connection.execute(
      """
      INSERT INTO \(place.own(OwnTables.progress)) (id, version, before, checksum, run, done, begun,
        prefix, statement, began_at, catalogue)
      VALUES (1, $1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
      ON CONFLICT (id) DO UPDATE SET version = excluded.version, before = excluded.before,
        checksum = excluded.checksum, run = excluded.run, done = excluded.done,
        begun = excluded.begun, prefix = excluded.prefix, statement = excluded.statement,
        began_at = excluded.began_at, catalogue = excluded.catalogue
      """,
      [
        .integer(Int64(bitPattern: common.version.number)),
        common.before.map { .integer(Int64(bitPattern: $0.number)) } ?? .null,
        .text(common.checksum.text), .text(common.run.text), .integer(Int64(common.done)),
        .integer(Int64(common.begun)), .text(progress.prefix.text),
        .text(progress.statement.text), .integer(progress.beganAt.milliseconds),
        .text(progress.catalogue),
      ])
  }
}
