package import WindlassCore
package import WindlassWire

/// Puts one rehearsed server to its probes where that server runs.
package struct ServerVisitor: Sendable {
  let servers: any RehearsalServers
  let prober: ProbeRunner
  let rounds: Int
  let isolation: IsolationPolicy

  /// A visitor with the rehearsal's own ways.
  package init(
    servers: any RehearsalServers, transport: any HTTPTransport,
    configuration: RehearsalConfiguration = RehearsalConfiguration(),
    clock: ProofClock = ProofClock(ContinuousClock())
  ) {
    self.servers = servers
    prober = ProbeRunner(
      transport: transport, configuration: configuration.probes, clock: clock)
    rounds = configuration.rounds
    isolation = configuration.isolation
  }

  /// Puts a server to its probes, and tells what was seen.
  ///
  /// - Parameters:
  ///   - plan: the hop that is rehearsed.
  ///   - databaseURL: the copy.
  /// - Throws: `StepFailure` when the visit was hindered, or the request is none of the plan's.
  package func visit(
    _ request: VisitRequest, of plan: Plan, databaseURL: String
  ) async throws(StepFailure) -> ServerVisit {
    guard let release = request.release(of: plan) else {
      throw StepFailure(
        code: "PlanWithoutSource", disposition: .stop,
        message:
          "the plan of \(plan.run) has no deployed release, and one is to be run; abandon the"
          + " run and let a new one be planned")
    }
    var visit = ServerVisit(part: request.part, title: request.part.title(for: plan))
    var open: RehearsalServer?
    let start = prober.clock.elapsed()
    do throws(StepFailure) {
      try await carryOut(request, release, databaseURL: databaseURL, &open, &visit)
    } catch {
      if let open {
        let servers = servers
        // A server must go even when this task is cancelled. The failure that led here counts; what
        // is left goes with the place that it runs in.
        await Task { _ = try? await servers.stop(open) }.value
      }
      throw error
    }
    visit.duration = prober.clock.elapsed(since: start)
    return visit
  }

  /// Does what `visit` does, and leaves a server that is open at the end to the caller.
  func carryOut(
    _ request: VisitRequest, _ release: Release, databaseURL: String,
    _ open: inout RehearsalServer?, _ visit: inout ServerVisit
  ) async throws(StepFailure) {
    guard let server = try await start(release, databaseURL: databaseURL, &visit) else { return }
    open = server
    try await question(server, release, request, &visit)
    visit.see(try await servers.report(on: server))
    // Seen before the stop, because the stop ends the server by itself.
    let ownExit = visit.exit
    visit.see(try await servers.stop(server))
    open = nil
    visit.closeBooks(ownExit: ownExit)
  }

  /// Starts the release's server; nil when the artifact itself can't be started, which is a finding
  /// about the release and not a hindrance.
  private func start(
    _ release: Release, databaseURL: String, _ visit: inout ServerVisit
  ) async throws(StepFailure) -> RehearsalServer? {
    do {
      return try await servers.start(
        release, databaseURL: databaseURL, label: visit.part.label)
    } catch {
      guard error.blamesRelease else { throw error }
      visit.recordRefusedStart(error)
      return nil
    }
  }

  private func question(
    _ server: RehearsalServer, _ release: Release, _ request: VisitRequest,
    _ visit: inout ServerVisit
  ) async throws(StepFailure) {
    var sightings: [RehearsalServerReport] = []
    let readiness = try await prober.waitUntilReady(server.baseURL) {
      () async throws(StepFailure) in
      let report = try await servers.report(on: server)
      sightings.append(report)
      return report.exit
    }
    for sighting in sightings { visit.see(sighting) }
    visit.see(try await servers.report(on: server))
    guard visit.recordReadiness(readiness) else { return }
    // Probes may write; a server that could write anywhere else gets none.
    let isConfined = visit.wasIsolated || isolation == .none
    guard isConfined, !visit.usedProduction else { return }
    try await askInRounds(server, release.probes, request, &visit)
    guard visit.failures.isEmpty, visit.part == .oldOnNewRows else { return }
    let written = request.written.values
    let reading = release.probes.filter {
      $0.isReading && !$0.templateNames.isEmpty && $0.templateNames.isSubset(of: written.keys)
    }
    guard !reading.isEmpty else { return }
    visit.add(
      try await prober.run(reading, against: server.baseURL, captures: written), round: nil)
  }

  private func askInRounds(
    _ server: RehearsalServer, _ probes: [Probe], _ request: VisitRequest,
    _ visit: inout ServerVisit
  ) async throws(StepFailure) {
    for round in 1...rounds {
      let set = try await ask(server, probes, request, &visit)
      visit.add(set, round: round)
      visit.captures = CapturedText(
        set.captures.filter { !probes.namesOfDeleted.contains($0.key) })
      guard !set.isPassed else { continue }
      // The repetition changes nothing in the judgement; it tells a person what to look for.
      guard round == 1, try await ask(server, probes, request, &visit).isPassed else { return }
      visit.remarks.append(
        "\(visit.title): the probes passed when they were repeated; a flaky probe counts as failed")
      return
    }
  }

  private func ask(
    _ server: RehearsalServer, _ probes: [Probe], _ request: VisitRequest,
    _ visit: inout ServerVisit
  ) async throws(StepFailure) -> ProbeSetResult {
    visit.sets += 1
    return try await prober.run(
      probes, against: server.baseURL,
      captures: [ProbeRunner.uniqueName: .string("w\(request.setsBegun + visit.sets)")])
  }
}

extension [Probe] {
  /// Names of values whose objects the probes delete themselves, so that nobody finds them later.
  fileprivate var namesOfDeleted: Set<String> {
    var names: Set<String> = []
    for probe in self where probe.method.uppercased() == "DELETE" {
      names.formUnion(ProbeTemplate.names(in: probe.path))
    }
    return names
  }
}
