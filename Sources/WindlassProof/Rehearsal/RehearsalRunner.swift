package import WindlassCore
package import WindlassSchema
package import WindlassWire

/// The proof before a change: migrates a copy of the database, and runs the deployed release, the
/// new one and the deployed one again against it.
///
/// It judges from what it saw alone. What hinders it (a full disk, a missing backup) is thrown with
/// its disposition and blames no release.
package struct RehearsalRunner: Rehearsal {
  let scratch: any RehearsalDatabases
  /// Visits servers; nil where somebody else does, between two turns.
  let visitor: ServerVisitor?
  let queries: QuerySource
  /// What earlier turns found; nil for a rehearsal in one go.
  let memory: RehearsalMemory?
  let configuration: RehearsalConfiguration
  let reports: (any RehearsalReports)?
  let clock: ProofClock

  /// Makes a runner; nothing is touched yet.
  ///
  /// - Parameters:
  ///   - scratch: makes copies and prepares queries on them.
  ///   - servers: starts servers on copies.
  ///   - queries: gives the recorded queries of releases that name some.
  ///   - transport: asks servers their probes.
  ///   - configuration: how it is carried out.
  ///   - reports: keeps the reports; nil for nobody.
  ///   - clock: measures and waits.
  package init(
    scratch: any RehearsalDatabases, servers: any RehearsalServers,
    queries: @escaping QuerySource, transport: any HTTPTransport,
    configuration: RehearsalConfiguration = RehearsalConfiguration(),
    reports: (any RehearsalReports)? = nil, clock: ProofClock = ProofClock(ContinuousClock())
  ) {
    self.scratch = scratch
    visitor = ServerVisitor(
      servers: servers, transport: transport, configuration: configuration, clock: clock)
    self.queries = queries
    memory = nil
    self.configuration = configuration
    self.reports = reports
    self.clock = clock
  }

  /// One turn of a rehearsal whose servers run where this process can't start them.
  package init(
    scratch: any RehearsalDatabases, queries: @escaping QuerySource, after memory: RehearsalMemory,
    configuration: RehearsalConfiguration = RehearsalConfiguration(),
    reports: (any RehearsalReports)? = nil, clock: ProofClock = ProofClock(ContinuousClock())
  ) {
    self.scratch = scratch
    self.queries = queries
    visitor = nil
    self.memory = memory.rewound
    self.configuration = configuration
    self.reports = reports
    self.clock = clock
  }

  package func rehearse(
    _ plan: Plan, on backup: BackupID
  ) async throws(StepFailure) -> Verdict {
    try await rehearseInFull(plan, on: backup).verdict
  }

  /// Rehearses like `rehearse`, and returns the report beside the verdict.
  package func rehearseInFull(
    _ plan: Plan, on backup: BackupID
  ) async throws(StepFailure) -> (verdict: Verdict, report: RehearsalReport) {
    switch try await take(plan, on: backup) {
    case .judged(let verdict, let report): return (verdict, report)
    case .waits(let request, _):
      // Only a rehearsal without a visitor waits, and that one takes turns.
      throw .rehearsalSpoiled("nobody visits \(request.part.title(for: plan))")
    }
  }

  /// Goes on with a rehearsal until a server has to be visited, or to its end.
  package func takeTurn(
    _ plan: Plan, on backup: BackupID
  ) async throws(StepFailure) -> RehearsalTurn {
    try await take(plan, on: backup)
  }

  /// What earlier turns took.
  var spent: Interval { memory?.spent ?? .zero }

  private func take(
    _ plan: Plan, on backup: BackupID
  ) async throws(StepFailure) -> RehearsalTurn {
    let start = clock.elapsed()
    let attempt = RehearsalAttempt(plan: plan, backup: backup, runner: self)
    var failure: StepFailure?
    do throws(RehearsalEnd) {
      try await attempt.carryOut()
    } catch {
      switch error {
      case .failed(let cause): failure = cause
      case .settled: break
      case .suspended(let request):
        // Its copies are needed by the visit and by the turns behind it.
        if let memory = attempt.memory { return .waits(for: request, memory) }
      }
    }
    let leftovers = attempt.leftovers
    // Servers and copies must go even when this task is cancelled, and cancellation reaches every
    // task but an unstructured one; it is awaited here, so it outlives nothing.
    let clean = await Task { await leftovers.remove() }.value
    attempt.record.notes += clean
    attempt.record.report.duration = Interval(
      milliseconds: clock.elapsed(since: start).milliseconds + spent.milliseconds)
    guard let failure else {
      let (verdict, report) = await conclude(attempt)
      return .judged(verdict, report)
    }
    attempt.record.report.failure = failure
    // The failure itself is what the caller must hear; a report that can't be kept adds nothing.
    try? await reports?.store(attempt.record.report)
    throw failure
  }

  private func conclude(
    _ attempt: RehearsalAttempt
  ) async -> (verdict: Verdict, report: RehearsalReport) {
    var report = attempt.record.report
    report.verdict = attempt.record.verdict
    do {
      try await reports?.store(report)
    } catch {
      attempt.record.notes.append("the report could not be kept: \(error.message)")
      report.verdict = attempt.record.verdict
    }
    return (report.verdict ?? attempt.record.verdict, report)
  }
}

/// What a turn of a rehearsal came to.
package enum RehearsalTurn: Sendable {
  /// A server has to be visited first; the memory is what the next turn begins with, once the
  /// account of the visit was added to it.
  case waits(for: VisitRequest, RehearsalMemory)
  case judged(Verdict, RehearsalReport)
}

/// Why a rehearsal went no further.
enum RehearsalEnd: Error {
  /// Something hindered it; there is no verdict.
  case failed(StepFailure)
  /// What it found settles the verdict.
  case settled
  /// Somebody else has to visit a server first.
  case suspended(VisitRequest)
}

/// What a rehearsal has started and made, and not yet stopped and removed.
struct RehearsalLeftovers: Sendable {
  var servers: [RehearsalServer] = []
  var copies: [ScratchCopy] = []
  /// Nil where servers are somebody else's.
  let fleet: (any RehearsalServers)?
  let scratch: any ScratchDatabases

  /// Stops every server, then removes every copy; what fails is tried to the end all the same.
  ///
  /// - Returns: What could not be removed, a sentence each.
  func remove() async -> [String] {
    var complaints: [String] = []
    for server in servers.reversed() {
      do {
        _ = try await fleet?.stop(server)
      } catch {
        complaints.append(
          "the rehearsed server \(server.label) could not be stopped: \(error.message)")
      }
    }
    for copy in copies.reversed() {
      do {
        try await scratch.discard(copy)
      } catch {
        complaints.append("the scratch copy \(copy.label) could not be removed: \(error.message)")
      }
    }
    return complaints
  }
}
