import FoundationEssentials
import WindlassCore
import WindlassSchema

/// One statement of a migration under way, as the database's own journal has it.
struct MySQLStep: Hashable, Sendable {
  var version: SchemaVersion
  /// The statement's place in its file, from 1.
  var position: Int
  var file: String
  /// The statement's line in the file.
  var line: Int
  /// How many statements the file has.
  var count: Int
  var run: RunID
  /// The fence's number when it was begun; nil on the command line.
  var epoch: Epoch?
  /// The SHA-256 of the statement's text.
  var digest: Digest
  /// Whether it is known to have taken effect.
  var isDone: Bool
  /// The session that runs it.
  var session: Int64
  /// What the ledger said before the migration.
  var after: SchemaVersion?
  /// The objects that it names, as they were before; empty once it is done.
  var before: [String: String]
}

/// The journal of statements; every method is part of a transaction that the caller has opened, or
/// commits by itself.
struct MySQLStepJournal {
  let connection: MySQLConnection

  static let columns = """
    version BIGINT NOT NULL, position INT NOT NULL, file VARCHAR(512) NOT NULL, line INT NOT NULL,
    statements INT NOT NULL, run VARCHAR(255) NOT NULL, epoch BIGINT,
    digest CHAR(64) NOT NULL, done TINYINT NOT NULL, session BIGINT NOT NULL, after_version BIGINT,
    objects LONGTEXT NOT NULL, PRIMARY KEY (version, position)
    """

  /// The question for the steps of one migration.
  func reading(_ version: SchemaVersion) -> SQLStatement {
    SQLStatement(
      "SELECT * FROM \(OwnTables.step) WHERE version = \(version.number) ORDER BY position")
  }

  /// The steps of one migration, in order.
  func steps(of version: SchemaVersion) throws(StepFailure) -> [MySQLStep] {
    try connection.run(reading(version)).rows.map { MySQLStep($0) }
  }

  /// The step that was begun last, of whatever migration; nil when none is under way.
  func last() throws(StepFailure) -> MySQLStep? {
    try connection.rows(
      "SELECT * FROM \(OwnTables.step) ORDER BY version DESC, position DESC LIMIT 1"
    ).first.map { MySQLStep($0) }
  }

  /// Writes that a statement is about to run.
  func intending(_ step: MySQLStep) -> SQLStatement {
    SQLStatement(
      """
      REPLACE INTO \(OwnTables.step)
        (version, position, file, line, statements, run, epoch, digest, done, session,
          after_version, objects)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?)
      """,
      [
        .integer(Int64(bitPattern: step.version.number)), .integer(Int64(step.position)),
        .text(step.file), .integer(Int64(step.line)), .integer(Int64(step.count)),
        .text(step.run.text), step.epoch.map { .integer($0.number) } ?? .null,
        .text(step.digest.text), .integer(step.session),
        step.after.map { .integer(Int64(bitPattern: $0.number)) } ?? .null,
        .text(step.encodedObjects),
      ])
  }

  /// Writes that a statement has taken effect.
  func finish(_ version: SchemaVersion, _ position: Int) throws(StepFailure) {
    try connection.run(
      """
      UPDATE \(OwnTables.step) SET done = 1, objects = ''
      WHERE version = \(version.number) AND position = \(position)
      """)
  }

  /// Forgets a statement that has not taken effect.
  func withdraw(_ version: SchemaVersion, _ position: Int) throws(StepFailure) {
    try connection.run(
      "DELETE FROM \(OwnTables.step) WHERE version = \(version.number) AND position = \(position)")
  }

  /// Empties the journal: no migration is under way any more.
  static let clearing = SQLStatement("DELETE FROM \(OwnTables.step)")
}

extension MySQLStep {
  /// Reads a row of the journal.
  init(_ row: SQLRow) {
    self.init(
      version: SchemaVersion(UInt64(bitPattern: row["version"].integer ?? 0)),
      position: Int(row["position"].integer ?? 0), file: row["file"].text ?? "",
      line: Int(row["line"].integer ?? 0), count: Int(row["statements"].integer ?? 0),
      run: RunID(row["run"].text ?? ""),
      epoch: row["epoch"].integer.map { Epoch($0) }, digest: Digest(row["digest"].text ?? ""),
      isDone: row["done"] == .integer(1), session: row["session"].integer ?? 0,
      after: row["after_version"].integer.map { SchemaVersion(UInt64(bitPattern: $0)) },
      before: Self.decodedObjects(row["objects"].text ?? ""))
  }

  /// Where the migration stands whose last line this is.
  var interruption: InterruptedMigration {
    InterruptedMigration(
      version: version, before: after, run: run, file: file,
      position: isDone ? position + 1 : position, count: count, line: isDone ? nil : line,
      // A definition that names its objects is told by how they look.
      standing: isDone ? .notBegun : before.isEmpty ? .untraceable : .begun)
  }

  /// The objects and their definitions as a JSON object.
  fileprivate var encodedObjects: String {
    var text = Array("{".utf8)
    for (key, value) in before {
      if text.count > 1 { text.append(UInt8(ascii: ",")) }
      Self.write(key, to: &text)
      text.append(UInt8(ascii: ":"))
      Self.write(value, to: &text)
    }
    text.append(UInt8(ascii: "}"))
    return String(decoding: text, as: UTF8.self)
  }

  /// Writes a JSON string.
  private static func write(_ value: String, to text: inout [UInt8]) {
    let quote = UInt8(ascii: "\"")
    text.append(quote)
    for byte in value.utf8 {
      if byte < 0x20 {
        let digits = String(byte, radix: 16)
        text += Array("\\u00\(digits.utf8.count < 2 ? "0" : "")\(digits)".utf8)
        continue
      }
      if byte == quote || byte == UInt8(ascii: "\\") { text.append(UInt8(ascii: "\\")) }
      text.append(byte)
    }
    text.append(quote)
  }

  private static func decodedObjects(_ text: String) -> [String: String] {
    // Of a finished step nothing is kept.
    (try? JSONDecoder().decode([String: String].self, from: Data(text.utf8))) ?? [:]
  }
}
