import CurlTransport
import ProcessFleet
import SQLiteDriver
import WindlassCore
import WindlassProof
import WindlassSchema

/// A Beacon 1.0.0 with its database, and everything that a rehearsal of its upgrade needs, all of
/// it real: signed manifests, unpacked artifacts, a SQLite file, processes.
struct StagedHop {
  let directory: TemporaryDirectory
  let artifacts: ArtifactDirectory
  let database: SQLiteServiceDatabase
  let options: SQLiteServiceOptions
  let plan: Plan
  let scratch: SQLiteScratch
  let servers: IsolatedServers
  let transport: CurlTransport

  static let backup: BackupID = "backup-1"

  /// Stages the feed's releases, installs the first one's schema, and takes a backup.
  ///
  /// - Parameter databaseVariable: How a server is told its database.
  init(feed: String, databaseVariable: String = "BEACON_DB") async throws {
    directory = try TemporaryDirectory()
    let feeds = try StagedFeeds.shared()
    let releases = try feeds.releases(of: feed, edition: "1.1.0")
    transport = try CurlTransport()
    let artifacts = ArtifactDirectory(path: feeds.artifacts, transport: transport)
    self.artifacts = artifacts
    for release in releases { try await artifacts.prepare(release) }
    let locate: MigrationLocator = { archive throws(StepFailure) in
      artifacts.directory(of: archive)
    }
    options = SQLiteServiceOptions(path: directory.file("beacon.db"))
    database = SQLiteServiceDatabase(options, locate: locate, now: Self.now)
    try await Self.install(releases[0], into: database)
    let store = SQLiteBackupStore(
      options, directory: directory.file("backups"), now: Self.now, freeSpaceMargin: nil)
    _ = try await store.backUp(Self.backup, run: "run-1", purpose: .beforeExpand)
    scratch = SQLiteScratch(
      options, backups: directory.file("backups"), directory: directory.file("scratch"),
      locate: locate, now: Self.now)
    servers = IsolatedServers(
      settings: RehearsalServerSettings(
        command: ["{artifact}/beacon", "serve"], databaseVariable: databaseVariable,
        listenerNames: ["http"], productionFiles: [options.path], grace: .seconds(5),
        workDirectory: try directory.directory("servers")),
      artifacts: artifacts)
    plan = Plan(
      service: ServiceName(feed), run: "run-1", kind: .upgrade, source: releases[0],
      target: releases[1], migrations: releases[1].migrations, schemaBefore: 2,
      rollout: RolloutPolicy(), manifest: Digest(String(repeating: "0", count: 64)))
  }

  /// Rehearses the hop with reports in the directory `reports`.
  func rehearse(
    isolation: IsolationPolicy = .network
  ) async throws -> (verdict: Verdict, report: RehearsalReport) {
    let artifacts = artifacts
    let runner = RehearsalRunner(
      scratch: scratch, servers: servers,
      queries: { queries async throws(StepFailure) in try await artifacts.bytes(of: queries) },
      transport: transport,
      configuration: RehearsalConfiguration(isolation: isolation),
      reports: ReportDirectory(path: try directory.directory("reports")))
    return try await runner.rehearseInFull(plan, on: Self.backup)
  }

  private static let now: @Sendable () -> Timestamp = { Timestamp(milliseconds: 1_800_000_000_000) }

  private static func install(
    _ release: Release, into database: SQLiteServiceDatabase
  ) async throws {
    let epoch = try await database.takeFence(after: nil, run: "install")
    var before: SchemaVersion?
    for migration in release.migrations {
      guard let archive = release.migrationArchive else { return }
      try await database.apply(
        MigrationOrder(
          run: "install", migration: migration, archive: archive, after: before, epoch: epoch))
      before = migration.version
    }
  }
}
