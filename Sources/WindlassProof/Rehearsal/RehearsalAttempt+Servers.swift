import WindlassCore
import WindlassSchema
import WindlassWire

extension RehearsalAttempt {
  /// Starts the release's server on the copy, puts its probes to it, and stops it.
  ///
  /// - Parameter written: What the other release captured, for the old server to read.
  /// - Returns: What the last round captured, the value of `{unique}` included.
  /// - Throws: `.settled` after recording what failed, or why nothing was shown.
  @discardableResult
  func serve(
    _ release: Release, on copy: ScratchCopy, in part: ServerPart,
    reading written: ProbeCaptures = [:]
  ) async throws(RehearsalEnd) -> ProbeCaptures {
    guard !release.probes.isEmpty else {
      record.unknown.append(
        "\(release.version) has no probes, so nothing shows that it works; add probes to its "
          + "release")
      throw .settled
    }
    var visit = ServerVisit(part: part, title: part.title(for: plan))
    let start = runner.clock.elapsed()
    do throws(RehearsalEnd) {
      try await visitServer(release, on: copy, reading: written, &visit)
    } catch {
      file(visit, outcome: .unknown, since: start)
      throw error
    }
    try settle(visit, since: start)
    return visit.captures
  }

  /// What the visit found becomes evidence, and ends the rehearsal unless all passed.
  private func settle(_ visit: ServerVisit, since start: Interval) throws(RehearsalEnd) {
    let complaint = visit.part.complaint(for: plan)
    if let doubt = doubt(about: visit) {
      record.unknown.append("\(visit.title): \(doubt)")
      record.unknown += visit.failures.map { "\(complaint): \($0)" } + visit.remarks
      file(visit, outcome: .unknown, since: start)
      throw .settled
    }
    guard !visit.failures.isEmpty else {
      record.passed.append("\(visit.title): all \(visit.checks) checks passed")
      return file(visit, outcome: .passed, since: start)
    }
    let evidence = visit.failures.map { "\(complaint): \($0)" } + visit.remarks
    file(visit, outcome: .failed, since: start)
    if visit.part.blamesRelease {
      // What a server said is more telling than what its schema looks like.
      record.unsafe.insert(contentsOf: evidence, at: 0)
    } else {
      record.unknown += evidence
    }
    throw .settled
  }

  /// Why the visit shows nothing, whatever the probes said; nil when it does.
  private func doubt(about visit: ServerVisit) -> String? {
    if visit.usedProduction {
      return "the server was seen to hold the production database open; check how database.inject "
        + "names the URL that the service reads"
    }
    if !visit.wasIsolated, runner.configuration.isolation == .network {
      return "the server could reach more than its scratch database; give Windlass what isolation "
        + "needs, or write proof.isolation: none"
    }
    // One that ended at once may never have come to it, which only a good baseline excuses: the
    // old server showed that a server is told its database in the right way.
    let isExcused = visit.wasRefused || (visit.hasEndedUnready && isBaselineGood)
    if !visit.usedScratch, !isExcused {
      return "the server was not seen to hold the scratch database open; check how "
        + "database.inject names the URL that the service reads"
    }
    return nil
  }

  private func file(
    _ visit: ServerVisit, outcome: RehearsalStep.Outcome, since start: Interval
  ) {
    record.checks += visit.checks
    // A probe's own failure stands with the probe.
    let probed = Set(visit.results.compactMap(\.failure))
    let failures = visit.failures.filter { !probed.contains($0) }
    record.report.steps.append(
      RehearsalStep(
        title: visit.title, outcome: outcome, duration: runner.clock.elapsed(since: start),
        details: failures + visit.remarks, probes: visit.results))
  }

  private func visitServer(
    _ release: Release, on copy: ScratchCopy, reading written: ProbeCaptures,
    _ visit: inout ServerVisit
  ) async throws(RehearsalEnd) {
    try checkTime(before: visit.title)
    do throws(StepFailure) {
      guard let server = try await start(release, on: copy, &visit) else { return }
      try await question(server, release, reading: written, &visit)
      visit.see(try await runner.servers.report(on: server))
      // Seen before the stop, because the stop ends the server by itself.
      let ownExit = visit.exit
      visit.see(try await runner.servers.stop(server))
      leftovers.servers.removeAll { $0 == server }
      visit.closeBooks(ownExit: ownExit)
    } catch {
      throw .failed(error)
    }
  }

  /// Starts the release's server; nil when the artifact itself can't be started, which is a finding
  /// about the release and not a hindrance.
  private func start(
    _ release: Release, on copy: ScratchCopy, _ visit: inout ServerVisit
  ) async throws(StepFailure) -> RehearsalServer? {
    do {
      let server = try await runner.servers.start(
        release, databaseURL: copy.url, label: visit.part.label)
      leftovers.servers.append(server)
      return server
    } catch {
      guard error.blamesRelease else { throw error }
      visit.recordRefusedStart(error)
      return nil
    }
  }

  private func question(
    _ server: RehearsalServer, _ release: Release, reading written: ProbeCaptures,
    _ visit: inout ServerVisit
  ) async throws(StepFailure) {
    var sightings: [RehearsalServerReport] = []
    let readiness = try await runner.prober.waitUntilReady(server.baseURL) {
      () async throws(StepFailure) in
      let report = try await runner.servers.report(on: server)
      sightings.append(report)
      return report.exit
    }
    for sighting in sightings { visit.see(sighting) }
    visit.see(try await runner.servers.report(on: server))
    guard visit.recordReadiness(readiness) else { return }
    // Probes may write; a server that could write anywhere else gets none.
    let isConfined = visit.wasIsolated || runner.configuration.isolation == .none
    guard isConfined, !visit.usedProduction else { return }
    try await askInRounds(server, release.probes, &visit)
    guard visit.failures.isEmpty, visit.part == .oldOnNewRows else { return }
    let reading = release.probes.filter {
      $0.isReading && !$0.templateNames.isEmpty && $0.templateNames.isSubset(of: written.keys)
    }
    guard !reading.isEmpty else { return }
    visit.add(
      try await runner.prober.run(reading, against: server.baseURL, captures: written),
      round: nil)
  }

  private func askInRounds(
    _ server: RehearsalServer, _ probes: [Probe], _ visit: inout ServerVisit
  ) async throws(StepFailure) {
    for round in 1...runner.configuration.rounds {
      let set = try await ask(server, probes)
      visit.add(set, round: round)
      visit.captures = set.captures.filter { !probes.namesOfDeleted.contains($0.key) }
      guard !set.isPassed else { continue }
      // The repetition changes nothing in the judgement; it tells a person what to look for.
      guard round == 1, try await ask(server, probes).isPassed else { return }
      visit.remarks.append(
        "\(visit.title): the probes passed when they were repeated; a flaky probe counts as failed")
      return
    }
  }

  private func ask(
    _ server: RehearsalServer, _ probes: [Probe]
  ) async throws(StepFailure) -> ProbeSetResult {
    roundsBegun += 1
    return try await runner.prober.run(
      probes, against: server.baseURL,
      captures: [ProbeRunner.uniqueName: .string("w\(roundsBegun)")])
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
