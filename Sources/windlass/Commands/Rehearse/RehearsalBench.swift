import CurlTransport
import Glibc
import ProcessFleet
import UnixSignals
import WindlassCore
import WindlassProof
import WindlassSchema

/// Everything that one rehearsal from the command line needs, in a directory of its own.
struct RehearsalBench: Sendable {
  /// Where backup, copies and servers live; it goes when the rehearsal has ended.
  let directory: PrivateDirectory
  private let url: Secret
  private let migrations: String
  private let cast: RehearsalCast
  private let terms: RehearsalTerms

  /// Tells this rehearsal from others of the same database, whose copies are on the same server.
  private let run = RunID("rehearse-\(getpid())")

  private static let backup: BackupID = "rehearse"
  /// The digest of files that nobody published.
  private static let noDigest = Digest(String(repeating: "0", count: 64))

  /// Takes the options; the database is not touched yet.
  ///
  /// - Throws: `CommandFailure` when there is no room for temporary files, or no database URL.
  init(_ subject: RehearsalSubject, _ cast: RehearsalCast, _ terms: RehearsalTerms) throws {
    url = try subject.database.resolve()
    migrations = subject.path
    self.cast = cast
    self.terms = terms
    directory = try PrivateDirectory.temporary("windlass-rehearse")
  }

  /// Rehearses, and removes everything that it made, whatever comes of it.
  func rehearse() async throws -> (verdict: Verdict, report: RehearsalReport) {
    defer { directory.remove() }
    let clock = SystemClock(floor: nil)
    let now: @Sendable () -> Timestamp = { clock.now() }
    let migrations = migrations
    let locate: MigrationLocator = { _ in migrations }
    let target = try DatabaseTarget(url, ledgerTable: nil).within(
      lockBudget: Bounds.lockBudgetDefault, holdBudget: terms.holdBudget)
    let drivers = try ServiceDrivers(
      RoleTargets(target), backups: "\(directory.path)/backups", folder: directory.path,
      locate: locate, now: now)
    try cast.checkQueries(for: drivers.engine)
    let plan = try await plan(drivers.database)
    _ = try await drivers.backups.backUp(Self.backup, run: run, purpose: .beforeExpand)
    let transport = try CurlTransport()
    let artifacts = ArtifactDirectory(path: "\(directory.path)/artifacts", transport: transport)
    let runner = RehearsalRunner(
      scratch: drivers.scratch, servers: try servers(plan, drivers, artifacts),
      queries: { queries throws(StepFailure) in try RehearsalCast.bytes(of: queries.url) },
      transport: transport,
      configuration: RehearsalConfiguration(
        probes: ProbeConfiguration(readinessPath: terms.readiness), holdBudget: terms.holdBudget,
        isolation: terms.isolation, scope: cast.scope),
      reports: terms.report.map { ReportDirectory(path: $0) })
    return try await runner.rehearseInFull(plan, on: Self.backup)
  }

  private func plan(_ database: any ServiceDatabase) async throws -> Plan {
    let reading = try await database.inspect()
    guard !reading.isDirty else {
      throw CommandFailure(
        .dirty, "DirtyLedger",
        "The ledger says that migration \(reading.version.map(\.description) ?? "-1") was begun "
          + "and not finished. Look at `windlass schema` and mend that first.")
    }
    let contents = try MigrationDirectory.read(at: migrations)
    var pending: [Migration] = []
    for entry in contents.entries(after: reading.version) {
      let phase = try contents.body(of: entry.version).phase(manifest: nil)
      pending.append(Migration(version: entry.version, phase: phase))
    }
    var old = try cast.release(cast.oldVersion, option: "--old-version", probes: cast.probes)
    old.queries = cast.queries.map { QueriesReference(url: $0, digest: Self.noDigest) }
    var new = try cast.release(
      cast.newVersion, option: "--new-version", probes: cast.newProbes ?? cast.probes)
    new.migrations = pending
    new.migrationArchive = ArchiveReference(url: migrations, digest: Self.noDigest, size: 0)
    return Plan(
      service: "database", run: run, kind: .upgrade, source: old, target: new,
      migrations: pending, schemaBefore: reading.version, rollout: RolloutPolicy(),
      manifest: Self.noDigest)
  }

  private func servers(
    _ plan: Plan, _ drivers: ServiceDrivers, _ artifacts: ArtifactDirectory
  ) throws -> ServersByRelease {
    var servers: [Version: IsolatedServers] = [:]
    for (release, command, option) in [
      (plan.source, cast.oldCommand, "--old-command"),
      (plan.target, cast.newCommand, "--new-command"),
    ] {
      guard let release, let command else { continue }
      let settings = RehearsalServerSettings(
        command: try cast.words(command, option: option),
        databaseVariable: cast.databaseVariable, listenerNames: [terms.listener],
        productionFiles: drivers.productionFiles, databaseWatch: drivers.watch,
        usesOwnNetwork: terms.isolation == .network,
        workDirectory: try directory.directory("servers\(option)").path)
      servers[release.version] = IsolatedServers(settings: settings, artifacts: artifacts)
    }
    return ServersByRelease(servers: servers)
  }
}

/// Servers of two releases that are not packed as artifacts, each with a command of its own.
struct ServersByRelease: RehearsalServers {
  let servers: [Version: IsolatedServers]

  func start(
    _ release: Release, databaseURL: String, label: String
  ) async throws(StepFailure) -> RehearsalServer {
    try await servers(of: release.version).start(
      release, databaseURL: databaseURL, label: label)
  }

  func report(on server: RehearsalServer) async throws(StepFailure) -> RehearsalServerReport {
    try await servers(of: server.release).report(on: server)
  }

  func stop(_ server: RehearsalServer) async throws(StepFailure) -> RehearsalServerReport {
    try await servers(of: server.release).stop(server)
  }

  private func servers(of version: Version) throws(StepFailure) -> IsolatedServers {
    guard let servers = servers[version] else {
      throw StepFailure(
        code: "BadArgument", disposition: .stop,
        message: "There is no command for \(version). Give the two servers different versions.")
    }
    return servers
  }
}

extension RehearseCommand {
  /// Runs the body to its end; SIGINT and SIGTERM cancel it, so that it cleans up.
  static func endingOnSignal<Outcome: Sendable>(
    _ body: @escaping @Sendable () async throws -> Outcome
  ) async throws -> Outcome {
    try await withThrowingTaskGroup(of: Outcome?.self) { group in
      group.addTask { try await body() }
      group.addTask {
        for await _ in await UnixSignalsSequence(trapping: .sigterm, .sigint) { break }
        return nil
      }
      defer { group.cancelAll() }
      while let ended = try await group.next() {
        if let outcome = ended { return outcome }
        group.cancelAll()
      }
      throw CancellationError()
    }
  }
}
