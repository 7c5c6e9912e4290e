import KubernetesFleet
import PostgresDriver
import ProcessFleet
import WindlassCore
import WindlassProof
import WindlassSchema

/// The proof as Jobs carry it out: in one go where servers are archives, which run beside it, and
/// in turns where they are images, whose pods only the cluster can make.
struct StepProof {
  let room: StepRoom
  let plan: Plan
  let drivers: ServiceDrivers

  private var wish: ManagedServiceSpec { room.wish }

  private var requirement: ProofRequirement {
    switch wish.proof.require {
    case .rehearsal: .rehearsal
    case .queries: .queries
    case .structure: .structure
    }
  }

  private var isolation: IsolationPolicy { wish.proof.isolation == .none ? .none : .network }

  private var reports: ReportDirectory { ReportDirectory(path: room.folder + "/reports") }

  private var turns: RehearsalTurns { RehearsalTurns(folder: room.folder + "/rehearsal") }

  // MARK: - The two orders

  /// Begins a rehearsal.
  func begin(on backup: BackupID) async throws -> StepResult {
    try await prepareMigrations()
    if let processes = wish.fleet.processes {
      return .verdict(try await rehearse(processes, on: backup))
    }
    guard requirement == .rehearsal else {
      return .verdict(try await compareSchemas(on: backup, because: nil))
    }
    if let reason = try hindrance() {
      return .verdict(try await compareSchemas(on: backup, because: reason))
    }
    // Nothing of another rehearsal of this service is needed any more, and none is under way.
    try await drivers.scratch.sweepLeftovers()
    let generation = String(UInt64.random(in: .min ... .max), radix: 36)
    try turns.begin(generation)
    return try await take(0, after: RehearsalMemory(generation: generation), on: backup)
  }

  /// Goes on after a visit; what was done already is not done again.
  func goOn(on backup: BackupID, after outcome: VisitOutcome) async throws -> StepResult {
    let turn = outcome.turn + 1
    switch try turns.enter(turn, of: outcome.generation) {
    case .ended(let result): return result
    case .goesOn(var memory, let request):
      memory.add(try account(outcome, request), to: request)
      try await prepareMigrations()
      return try await take(turn, after: memory, on: backup)
    }
  }

  private func take(
    _ turn: Int, after memory: RehearsalMemory, on backup: BackupID
  ) async throws -> StepResult {
    let runner = RehearsalRunner(
      scratch: drivers.scratch, queries: queries, after: memory,
      configuration: RehearsalConfiguration(
        holdBudget: wish.database.holdBudget, isolation: isolation, requirement: requirement),
      reports: reports)
    switch try await runner.takeTurn(plan, on: backup) {
    case .judged(let verdict, _):
      let result = StepResult.verdict(verdict)
      try turns.end(turn, with: result, memory, waitingFor: nil)
      return result
    case .waits(let request, let memory):
      let result = StepResult.waits(try question(request, memory, turn))
      try turns.end(turn, with: result, memory, waitingFor: request)
      return result
    }
  }

  // MARK: - Visits

  private func question(
    _ request: VisitRequest, _ memory: RehearsalMemory, _ turn: Int
  ) throws -> VisitQuestion {
    guard let release = request.release(of: plan), let image = release.image else {
      throw StepFailure.rehearsalSpoiled("the plan names no image for \(request.part.label)")
    }
    let question = VisitQuestion(
      generation: memory.generation, turn: turn, version: release.version, image: image,
      request: request.text, copyURL: request.copyFile,
      copyFolder: request.copyFile == nil ? nil : "\(plan.service)/scratch",
      forbidden: isolation == .none ? nil : try forbidden())
    guard question.request.utf8.count <= StepBounds.requestSizeMax else {
      throw StepFailure(
        code: "CapturesTooLong", disposition: .stop,
        message: "The probes of \(plan.target.version) capture more than a Job's message has room"
          + " for. Let them capture shorter values, and publish the release again.")
    }
    return question
  }

  private func account(
    _ outcome: VisitOutcome, _ request: VisitRequest
  ) throws(StepFailure) -> ServerVisit {
    guard let text = outcome.account else {
      return .refused(request, of: plan, because: outcome.refusal ?? "no probe was put to it")
    }
    guard var visit = ServerVisit(text: text), visit.part == request.part else {
      throw .rehearsalSpoiled("the account of a visit is none that this version understands")
    }
    let server = outcome.server
    let why = server.reason.isEmpty || server.reason == "Error" ? "" : "\(server.reason): "
    visit.learn(
      ownExit: server.exitCode.map(ExitReport.init(container:)),
      output: server.output.isEmpty ? "" : why + server.output)
    return visit
  }

  // MARK: - What stands in the way

  /// Why no server can be run for this service, as evidence; nil where one can.
  private func hindrance() throws -> String? {
    guard let workload = wish.fleet.workload else {
      return "spec.fleet names no workload whose pods a rehearsed server's could be made from"
    }
    guard wish.database.inject != nil else {
      return
        "nothing says how a server is told its database, so that none can be pointed at a copy;"
        + " write database.inject"
    }
    guard workload.port != nil else {
      return "nothing says on which port a server answers probes; write fleet.….port"
    }
    for release in [plan.source, plan.target].compactMap(\.self) where release.image == nil {
      return "\(release.version) names no image by its digest, so that its server can't be run"
    }
    return try databaseHindrance()
  }

  private func databaseHindrance() throws -> String? {
    switch room.target {
    case .sqlite?: return nil
    case .postgres(let options)? where options.url.dialect == .postgres:
      guard let scratch = try room.scratch.map({ try PostgresURL($0.reveal()) }) else {
        return "a rehearsed server has to be told its copy by a Secret; write proof.scratchURLFrom"
          + " with the URL of a database windlass_scratch_… on a server that is there for copies"
      }
      guard scratch.namesScratchCopy else {
        return "the URL of proof.scratchURLFrom names the database \(scratch.database), and in a"
          + " cluster it has to name the copy itself, as windlass_scratch_ and letters, digits or"
          + " underscores"
      }
      guard isolation == .network else { return nil }
      let shared = Set(Addresses.of(scratch)).intersection(Addresses.of(options.url))
      guard let place = shared.sorted().first else { return nil }
      return "copies would be on the database's own server (\(place)), from which no network policy"
        + " can keep a rehearsed server; let proof.scratchURLFrom name another"
    case .postgres?, .mysql?, nil:
      return "a rehearsal of images knows databases of PostgreSQL and SQLite so far"
    }
  }

  /// What a rehearsed server must not reach: the database itself. The cluster's API server is known
  /// where the server runs.
  private func forbidden() throws -> [String] {
    guard case .postgres(let options)? = room.target else { return [] }
    let places = Addresses.of(options.url)
    guard places.isEmpty, !options.url.networkServers.isEmpty else { return places }
    throw StepFailure(
      code: "DatabaseUnresolved", disposition: .retry,
      message:
        "The address of \(options.url.place) can't be found, which a rehearsed server must not"
        + " reach. Check the name service; it is tried again.")
  }

  private var queries: QuerySource {
    let artifacts = room.artifacts
    return { queries async throws(StepFailure) in try await artifacts.bytes(of: queries) }
  }

  // MARK: - In one go

  private func prepareMigrations() async throws {
    for release in [plan.source, plan.target].compactMap(\.self) {
      if let archive = release.migrationArchive { try await room.artifacts.prepare(archive) }
    }
  }

  private func compareSchemas(
    on backup: BackupID, because reason: String?
  ) async throws -> Verdict {
    var configuration = RehearsalConfiguration(
      holdBudget: wish.database.holdBudget, isolation: isolation, scope: .schema,
      requirement: requirement)
    configuration.hindrance = reason
    return try await RehearsalRunner(
      scratch: drivers.scratch, servers: ServersByRelease(servers: [:]), queries: queries,
      transport: room.transport, configuration: configuration, reports: reports
    ).rehearse(plan, on: backup)
  }

  private func rehearse(_ processes: ProcessesSpec, on backup: BackupID) async throws -> Verdict {
    for release in [plan.source, plan.target].compactMap(\.self) {
      if let archive = release.artifact { try await room.artifacts.prepare(archive) }
    }
    let servers = IsolatedServers(
      settings: RehearsalServerSettings(
        command: processes.command,
        environment: processes.env.merging(wish.proof.env) { _, new in new },
        databaseVariable: wish.database.inject?.env,
        listenerNames: processes.listen.map(\.name), productionFiles: drivers.productionFiles,
        databaseWatch: drivers.watch, usesOwnNetwork: isolation == .network,
        workDirectory: room.folder + "/servers"),
      artifacts: room.artifacts)
    return try await RehearsalRunner(
      scratch: drivers.scratch, servers: servers, queries: queries, transport: room.transport,
      configuration: RehearsalConfiguration(
        probes: ProbeConfiguration(readinessPath: processes.readiness.path),
        holdBudget: wish.database.holdBudget, isolation: isolation,
        requirement: requirement),
      reports: reports
    ).rehearse(plan, on: backup)
  }
}

extension ExitReport {
  /// The end of a container, whose code tells a signal as shells do.
  fileprivate init(container code: Int32) {
    self = (129...192).contains(code) ? ExitReport(signal: code - 128) : ExitReport(code: code)
  }
}
