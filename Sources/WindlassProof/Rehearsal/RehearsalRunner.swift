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
  let servers: any RehearsalServers
  let queries: QuerySource
  let prober: ProbeRunner
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
    self.servers = servers
    self.queries = queries
    prober = ProbeRunner(
      transport: transport, configuration: configuration.probes, clock: clock)
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
    let start = clock.elapsed()
    let attempt = RehearsalAttempt(plan: plan, backup: backup, runner: self)
    var failure: StepFailure?
    do throws(RehearsalEnd) {
      try await attempt.carryOut()
    } catch {
      if case .failed(let cause) = error { failure = cause }
    }
    let leftovers = attempt.leftovers
    // Servers and copies must go even when this task is cancelled, and cancellation reaches every
    // task but an unstructured one; it is awaited here, so it outlives nothing.
    let clean = await Task { await leftovers.remove() }.value
    attempt.record.notes += clean
    attempt.record.report.duration = clock.elapsed(since: start)
    guard let failure else { return await conclude(attempt) }
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

/// Why a rehearsal went no further.
enum RehearsalEnd: Error {
  /// Something hindered it; there is no verdict.
  case failed(StepFailure)
  /// What it found settles the verdict.
  case settled
}

/// What a rehearsal has started and made, and not yet stopped and removed.
struct RehearsalLeftovers: Sendable {
  var servers: [RehearsalServer] = []
  var copies: [ScratchCopy] = []
  let fleet: any RehearsalServers
  let scratch: any ScratchDatabases

  /// Stops every server, then removes every copy; what fails is tried to the end all the same.
  ///
  /// - Returns: What could not be removed, a sentence each.
  func remove() async -> [String] {
    var complaints: [String] = []
    for server in servers.reversed() {
      do {
        _ = try await fleet.stop(server)
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
