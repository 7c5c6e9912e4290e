import Synchronization
import WindlassCore
import WindlassSchema
import WindlassWire

/// A database engine, a fleet and a network in one, behind the ports of a rehearsal.
///
/// It remembers every call, knows what is open, and fails where a test says so.
final class RehearsalWorld: Sendable {
  /// A request as a server sees it, with what the server knows.
  struct Question {
    var server: RehearsalServer
    /// Migrations of the copy that the server was started on.
    var applied: [Migration]
    /// Labels of the servers that ran on the copy before.
    var predecessors: [String]
    /// Whether the server's copy was ever written to by a server of this version.
    var method: String
    var path: String
    var body: String
    /// How many requests other than for readiness this server was asked before.
    var ordinal: Int
  }

  struct State {
    /// Every call of a port, in order, such as `start old-1`.
    var calls: [String] = []
    /// Which call fails, counted from 1, and with what.
    var failure: (at: Int, with: StepFailure)?
    /// Whether the ports go on for a caller that was cancelled.
    var ignoresCancellation = false
    /// Does something when a call is made, before it has any effect.
    var onCall: (@Sendable (String) -> Void)?
    var copies: [String: [Migration]] = [:]
    var history: [String: [String]] = [:]
    var servers: [String: RehearsalServer] = [:]
    /// The copy that a server was started on.
    var homes: [String: String] = [:]
    var asked: [String: Int] = [:]
    var requests: [HTTPRequest] = []
    /// How a server answers anything but readiness.
    var answer: @Sendable (Question) throws -> HTTPResponse = { SampleService.answer($0) }
    /// How a server answers readiness.
    var readiness: @Sendable (RehearsalServer) throws -> HTTPResponse = { _ in
      HTTPResponse(status: 200)
    }
    /// How often a report was asked for, by the server's label.
    var looks: [String: Int] = [:]
    /// What is reported of a running server, given how often it was looked at before.
    var reportByLook: (@Sendable (RehearsalServer, Int) -> RehearsalServerReport)?
    /// What is reported of a running server.
    var report: @Sendable (RehearsalServer) -> RehearsalServerReport = { _ in
      RehearsalServerReport(
        exit: nil, output: "", isIsolated: true, usesScratch: true, usesProduction: false)
    }
    /// The catalogue after those migrations.
    var catalogue: @Sendable ([Migration]) -> Catalogue = { _ in SampleCatalogue.before }
    var held: @Sendable (Migration) -> Interval = { _ in .milliseconds(5) }
    /// The file of recorded queries.
    var queries = ""
    /// What comes of preparing a query on a copy with those migrations.
    var prepared: @Sendable (RecordedQuery, [Migration]) -> QueryOutcome = { _, _ in
      .prepared(columns: nil)
    }
    /// How many outcomes of queries a driver forgets.
    var lostOutcomes = 0
    /// The failure of a migration.
    var migrationFailure: @Sendable (Migration) -> StepFailure? = { _ in nil }
  }

  private let state = Mutex(State())

  init(_ change: @Sendable (inout State) -> Void = { _ in }) { state.withLock { change(&$0) } }

  var calls: [String] { state.withLock { $0.calls } }
  var requests: [HTTPRequest] { state.withLock { $0.requests } }
  /// What was started or restored and neither stopped nor discarded.
  var leaks: [String] {
    state.withLock { $0.copies.keys.map { "copy \($0)" } + $0.servers.keys.map { "server \($0)" } }
      .sorted()
  }

  /// Makes a change to the world.
  func change(_ body: @Sendable (inout State) -> Void) { state.withLock { body(&$0) } }

  /// Records a call, and fails it when its number has come.
  fileprivate func enter(_ call: String) throws(StepFailure) {
    let (failure, hook, ignoresCancellation) = state.withLock { state in
      state.calls.append(call)
      let isDue = state.failure.map { $0.at == state.calls.count } ?? false
      return (isDue ? state.failure?.with : nil, state.onCall, state.ignoresCancellation)
    }
    hook?(call)
    if let failure { throw failure }
    // Drivers give up when their caller was cancelled; a clean-up has to reach them all the same.
    if Task.isCancelled, !ignoresCancellation {
      throw StepFailure(
        code: "RehearsalCancelled", disposition: .retry, message: "\(call) was cancelled")
    }
  }
}

extension RehearsalWorld: ScratchDatabases {
  func restore(_ backup: BackupID, label: String) async throws(StepFailure) -> ScratchCopy {
    try enter("restore \(label)")
    state.withLock { state in
      state.copies[label] = []
      state.history[label] = []
    }
    return ScratchCopy(label: label, url: "scratch://\(label)")
  }

  func migrate(
    _ copy: ScratchCopy, _ migration: Migration, from archive: ArchiveReference
  ) async throws(StepFailure) -> MigrationObservation {
    try enter("migrate \(migration.version)")
    let (failure, held) = state.withLock { ($0.migrationFailure(migration), $0.held(migration)) }
    if let failure { throw failure }
    state.withLock { $0.copies[copy.label]?.append(migration) }
    return MigrationObservation(
      migration: migration, file: "\(migration.version)_change.up.sql", held: held)
  }

  func catalogue(of copy: ScratchCopy) async throws(StepFailure) -> Catalogue {
    try enter("catalogue")
    return state.withLock { $0.catalogue($0.copies[copy.label] ?? []) }
  }

  func discard(_ copy: ScratchCopy) async throws(StepFailure) {
    try enter("discard \(copy.label)")
    state.withLock { _ = $0.copies.removeValue(forKey: copy.label) }
  }
}

extension RehearsalWorld: QueryPreparation {
  var queryEngine: String { "sqlite" }

  func prepare(
    _ queries: RecordedQueries, on copy: ScratchCopy
  ) async throws(StepFailure) -> [QueryOutcome] {
    try enter("prepare")
    return state.withLock { state in
      queries.queries.dropLast(state.lostOutcomes).map {
        state.prepared($0, state.copies[copy.label] ?? [])
      }
    }
  }

  /// Gives the file of recorded queries.
  func bytes(of queries: QueriesReference) async throws(StepFailure) -> [UInt8] {
    try enter("queries \(queries.url)")
    return state.withLock { Array($0.queries.utf8) }
  }
}

extension RehearsalWorld: RehearsalServers {
  func start(
    _ release: Release, databaseURL: String, label: String
  ) async throws(StepFailure) -> RehearsalServer {
    try enter("start \(label)")
    let server = RehearsalServer(
      label: label, release: release.version, baseURL: "http://127.0.0.1/\(label)")
    state.withLock { state in
      state.servers[label] = server
      state.homes[label] = String(databaseURL.dropFirst("scratch://".count))
    }
    return server
  }

  func report(on server: RehearsalServer) async throws(StepFailure) -> RehearsalServerReport {
    try enter("report \(server.label)")
    return state.withLock { state in
      let look = state.looks[server.label, default: 0]
      state.looks[server.label] = look + 1
      return state.reportByLook?(server, look) ?? state.report(server)
    }
  }

  func stop(_ server: RehearsalServer) async throws(StepFailure) -> RehearsalServerReport {
    try enter("stop \(server.label)")
    return state.withLock { state in
      state.servers.removeValue(forKey: server.label)
      if let home = state.homes[server.label] {
        state.history[home, default: []].append(server.label)
      }
      var report = state.report(server)
      report.exit = report.exit ?? ExitReport(signal: 15)
      report.usesScratch = false
      return report
    }
  }
}

extension RehearsalWorld: HTTPTransport {
  func send(
    _ request: HTTPRequest, limits: HTTPLimits
  ) async throws(HTTPError) -> HTTPResponse {
    do {
      return try answer(request)
    } catch {
      throw error as? HTTPError ?? HTTPError(.other, "\(error)")
    }
  }

  func stream(
    _ request: HTTPRequest, limits: HTTPLimits,
    into sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
  ) async throws(HTTPError) -> HTTPResponse {
    throw HTTPError(.other, "nothing is streamed here")
  }

  private func answer(_ request: HTTPRequest) throws -> HTTPResponse {
    let parts = request.url.dropFirst("http://127.0.0.1/".count)
    let label = String(parts.prefix { $0 != "/" })
    let path = String(parts.dropFirst(label.count))
    let (question, readiness, answer): (Question?, State, State) = state.withLock { state in
      state.requests.append(request)
      guard let server = state.servers[label], let home = state.homes[label] else {
        return (nil, state, state)
      }
      let question = Question(
        server: server, applied: state.copies[home] ?? [], predecessors: state.history[home] ?? [],
        method: request.method, path: path,
        body: String(decoding: request.body ?? [], as: UTF8.self), ordinal: state.asked[label] ?? 0)
      if path != "/healthz" { state.asked[label, default: 0] += 1 }
      return (question, state, state)
    }
    guard let question else { throw HTTPError(.unreachable, "nobody listens at \(request.url)") }
    if path == "/healthz" { return try readiness.readiness(question.server) }
    return try answer.answer(question)
  }
}
