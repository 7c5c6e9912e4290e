import Foundation
import Testing
import WindlassContracts
import WindlassCore
import WindlassSchema

@testable import PostgresDriver

/// Backups that are damaged in every way, before and after their digest is recorded.
struct DamagedBackupTests {
  private static let isWhole = ProcessInfo.processInfo.environment["WINDLASS_TORTURE"] == "all"
  static let series = DamageSeries(seed: 20_261_127, count: isWhole ? 1_000 : 40)

  @Test(arguments: series.parts(isWhole ? 10 : 2))
  func `a damaged backup is refused unless it restores to what the database holds`(
    numbers: Range<Int>
  ) async throws {
    let backup = try await DamagedPostgresBackup.made()
    let tally = try await DamageTally.judging(backup, Self.series, numbers)
    #expect(tally.damaged == numbers.count)
    #expect(try backup.world.leftovers() == [])
    if Self.isWhole { print("PostgreSQL, \(numbers): \(tally)") }
  }
}

/// A backup of a database with one of everything.
struct DamagedPostgresBackup: DamagedBackup {
  let id: BackupID = "b1"
  let sound: [UInt8]
  let others: [(what: String, bytes: [UInt8])]
  let world: BackupWorld
  private let record: BackupManifest

  /// What makes another backup of a database that was once the same; each is undone by the next.
  private static let changes = [
    ("DELETE FROM parts WHERE k = 7", "INSERT INTO parts VALUES (7, 'v7')"),
    ("ALTER TABLE log RENAME TO gone", "ALTER TABLE gone RENAME TO log"),
    ("DROP TRIGGER noted ON parts_low", ""),
    ("UPDATE schema_migrations SET version = 2", "UPDATE schema_migrations SET version = 3"),
    ("DELETE FROM windlass_catalogue", ""), ("DROP TABLE log", ""), ("DELETE FROM parts", ""),
  ]

  static func made() async throws -> DamagedPostgresBackup {
    let world = try BackupWorld()
    _ = try await world.store.backUp("b1", run: "run", purpose: .beforeExpand)
    let sound = try read(world, "b1")
    // A twin is changed, so that the database stays what the backup is of.
    let twin = try BackupWorld()
    var others: [(what: String, bytes: [UInt8])] = []
    for (number, (change, undo)) in changes.enumerated() {
      try twin.connect().run(script: change)
      let id = BackupID("other-\(number)")
      _ = try await twin.store.backUp(id, run: "run", purpose: .byHand)
      others.append((change, try read(twin, id)))
      if !undo.isEmpty { try twin.connect().run(script: undo) }
    }
    others.append(("an empty file", []))
    return DamagedPostgresBackup(
      sound: sound, others: others, world: world,
      record: try await world.store.directory.known("b1"))
  }

  private static func read(_ world: BackupWorld, _ id: BackupID) throws -> [UInt8] {
    try #require(
      try FileStream.read("\(world.directory)/backups/\(id).dump", sizeMax: 10_000_000))
  }

  private init(
    sound: [UInt8], others: [(what: String, bytes: [UInt8])], world: BackupWorld,
    record: BackupManifest
  ) {
    self.sound = sound
    self.others = others
    self.world = world
    self.record = record
  }

  private var file: String { "\(world.directory)/backups/b1.dump" }

  var store: any BackupStore { world.store }

  func put(_ bytes: [UInt8], isRecorded: Bool) throws {
    try FileStream.replace(file, with: bytes)
    var manifest = record
    if isRecorded { (manifest.digest, manifest.size) = try FileStream.digest(of: file) }
    try FileStream.replace(
      "\(world.directory)/backups/b1.manifest", with: manifest.encoded())
  }

  /// Compared with what the sound file restores to: the server writes some definitions in other
  /// words once they were dumped and restored.
  func differenceWhenRestored() throws -> String? {
    let damaged = try restored(file)
    let path = "\(world.directory)/sound.dump"
    try FileStream.replace(path, with: sound)
    return firstDifference(damaged, try restored(path))
  }

  /// What a file restores to, as statements.
  private func restored(_ path: String) throws -> [String] {
    let copy = try PostgresServer.shared.makeDatabase()
    try run("pg_restore", ["--no-owner", "--exit-on-error", "-d", url(copy), path])
    return try dump(copy)
  }

  private func url(_ url: PostgresURL) -> String {
    PostgresServer.shared.url(url.database)
  }

  /// The database as statements, without what does not travel.
  private func dump(_ url: PostgresURL) throws -> [String] {
    let own = OwnTables.volatile.sorted().map { "--exclude-table-data=*.\($0)" }
    // A newer pg_dump opens and closes its text with words of its own for each run.
    return try run("pg_dump", own + ["--no-owner", "-d", self.url(url)]).split(separator: "\n")
      .filter { !$0.hasPrefix("\\restrict") && !$0.hasPrefix("\\unrestrict") }.map(String.init)
  }

  @discardableResult
  private func run(_ program: String, _ arguments: [String]) throws -> String {
    let process = Process()
    // A server that is newer than this system's has its programs beside it.
    let named = ProcessInfo.processInfo.environment["WINDLASS_CLIENT_PROGRAMS"] ?? ""
    process.executableURL = URL(filePath: "/usr/bin/env")
    process.arguments = [named.isEmpty ? program : "\(named)/\(program)"] + arguments
    let output = Pipe()
    process.standardOutput = output
    try process.run()
    let bytes = try output.fileHandleForReading.readToEnd() ?? Data()
    process.waitUntilExit()
    try #require(process.terminationStatus == 0, "\(program) failed")
    return String(decoding: bytes, as: UTF8.self)
  }
}
