package import WindlassCore

/// A service's database for one clause: empty, reachable, never adopted, with a directory of
/// migrations beside it.
///
/// The directory holds 1, which makes a place where effects can be counted; 2 and 3, each of which
/// leaves one effect there; and 4, which fails after it left one.
package protocol ServiceDatabaseSubject: Sendable {
  /// The port as another daemon would see it, on connections of its own.
  func connect() async throws -> any ServiceDatabase

  /// How often migration 2 or 3 has taken effect; zero while there is no place for it.
  func effects(of version: SchemaVersion) async throws -> Int

  /// Writes the ledger as another tool would.
  func writeLedger(_ version: SchemaVersion, isDirty: Bool) async throws

  /// Runs the body while somebody else holds what migrations 2 and 3 need a lock on, with a port
  /// that gives up on locks soon.
  func whileLocked(_ body: (any ServiceDatabase) async throws -> Void) async throws

  /// Carries the order out and loses the reply, so that the caller can't tell what became of it.
  func applyLosingReply(_ order: MigrationOrder) async throws
}

extension ServiceDatabaseSubject {
  /// The daemon that asked is gone before the reply.
  package func applyLosingReply(_ order: MigrationOrder) async throws {
    // Whatever came of it is what the clause finds out afterwards.
    _ = try? await connect().apply(order)
  }

  /// Every effect that was ever had.
  func effects() async throws -> [Int] { [try await effects(of: 2), try await effects(of: 3)] }

  /// Takes the fence for the first time.
  func adopt() async throws -> (any ServiceDatabase, Epoch) {
    let database = try await connect()
    return (database, try await database.takeFence(after: nil, run: "run"))
  }

  /// A database that was adopted and migrated to 1.
  func begun() async throws -> (any ServiceDatabase, Epoch) {
    let (database, epoch) = try await adopt()
    try await database.apply(.sample(1, after: nil, epoch: epoch))
    return (database, epoch)
  }
}

extension MigrationOrder {
  /// The archive of every migration of a subject.
  static let archive = ArchiveReference(
    url: "https://releases.example/m.tar.gz", digest: Digest(String(repeating: "0", count: 64)),
    size: 1)

  static func sample(
    _ version: SchemaVersion, after: SchemaVersion?, epoch: Epoch, run: RunID = "run"
  ) -> MigrationOrder {
    MigrationOrder(
      run: run, migration: Migration(version: version, phase: .expand), archive: archive,
      after: after, epoch: epoch)
  }
}

extension Plan {
  /// A plan of expand migrations.
  static func sample(_ versions: [SchemaVersion], before: SchemaVersion?) -> Plan {
    let migrations = versions.map { Migration(version: $0, phase: .expand) }
    let target = Release(
      version: Version(1, 1, 0), window: SchemaWindow(at: versions.last ?? 1),
      migrations: migrations, migrationArchive: MigrationOrder.archive)
    return Plan(
      service: "service", run: "run", kind: .upgrade, source: nil, target: target,
      migrations: migrations, schemaBefore: before, rollout: RolloutPolicy(),
      manifest: MigrationOrder.archive.digest)
  }
}
