import Testing
import WindlassCore
import WindlassSchema

@testable import MariaDBDriver

/// golang-migrate's driver for MySQL, statement by statement, on a session of its own.
struct EmulatedGolangMigrate {
  let connection: MySQLConnection
  private let key: String
  private static let ledger = "`schema_migrations`"

  /// What it fails with.
  enum Failure: Error, Equatable {
    case cantAcquireLock, noChange
    case dirty(Int64)
    case unknownVersion(Int64)
  }

  /// Its constructor, which takes the lock to make the table.
  init(_ fixture: Fixture) throws {
    connection = try fixture.other()
    let database = try #require(try connection.scalar("SELECT DATABASE()").text)
    key = String(CRC32.checksum(of: Array("\(database):schema_migrations".utf8)) &* 1_486_364_155)
    try lock()
    if try connection.rows("SHOW TABLES LIKE 'schema_migrations'").isEmpty {
      try connection.run(
        """
        CREATE TABLE \(Self.ledger) (version bigint not null primary key, dirty boolean not null)
        """)
    }
    try unlock()
  }

  /// Its `Lock`: ten seconds, however long its own caller would wait.
  func lock() throws {
    let answer = try connection.run("SELECT GET_LOCK('\(key)', 10)", within: .seconds(60))
    guard answer.rows.first?.values.first == .integer(1) else { throw Failure.cantAcquireLock }
  }

  func unlock() throws { try connection.run("SELECT RELEASE_LOCK('\(key)')") }

  /// Its `Version`: nil for an empty table.
  func version() throws -> (number: Int64, isDirty: Bool)? {
    let row = try connection.rows("SELECT version, dirty FROM \(Self.ledger) LIMIT 1").first
    guard let row, let number = row["version"].integer else { return nil }
    return (number, row["dirty"] != .integer(0))
  }

  /// Its `SetVersion`, in a transaction of its own; -1 is written only when it is dirty.
  func setVersion(_ version: Int64, isDirty: Bool) throws {
    try connection.transaction(serializable: true) { connection throws(StepFailure) in
      try connection.run("DELETE FROM \(Self.ledger) LIMIT 1")
      guard version >= 0 || version == -1 && isDirty else { return }
      try connection.run(
        "INSERT INTO \(Self.ledger) (version, dirty) VALUES (\(version), \(isDirty ? 1 : 0))")
    }
  }

  /// Its `Up`: everything above the version, each between two writes of the ledger.
  ///
  /// - Parameters:
  ///   - files: by version; nil is a version that has a down file only.
  ///   - stop: the version behind which it is killed, with the lock.
  func up(_ files: [Int64: [String]?], killedIn stop: Int64? = nil) throws {
    try lock()
    defer { try? unlock() }
    let current = try version()
    if let current, current.isDirty { throw Failure.dirty(current.number) }
    if let current, files[current.number] == nil { throw Failure.unknownVersion(current.number) }
    let pending = files.keys.filter { $0 > current?.number ?? -1 }.sorted()
    guard !pending.isEmpty else { throw Failure.noChange }
    for number in pending {
      try setVersion(number, isDirty: true)
      if number == stop { return }
      // It sends the file as it is; the server takes one statement after the other.
      for statement in (files[number] ?? nil) ?? [] { try connection.run(statement) }
      try setVersion(number, isDirty: false)
    }
  }

  /// Its `Force`.
  func force(_ version: Int64) throws {
    try lock()
    defer { try? unlock() }
    try setVersion(version, isDirty: false)
  }
}
