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
      if case .suspended = error { throw error }
      file(visit, outcome: .unknown, since: start)
      throw error
    }
    try settle(visit, since: start)
    return visit.captures.values
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
    if let reason = visit.spoiledBecause { return reason }
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
        title: visit.title, outcome: outcome,
        duration: visit.duration ?? runner.clock.elapsed(since: start),
        details: failures + visit.remarks, probes: visit.results))
  }

  /// Has a server visited: here, or elsewhere, and then this goes on when its account is there.
  ///
  /// - Throws: `.suspended` where somebody else has to carry the visit out first.
  private func visitServer(
    _ release: Release, on copy: ScratchCopy, reading written: ProbeCaptures,
    _ visit: inout ServerVisit
  ) async throws(RehearsalEnd) {
    try checkTime(before: visit.title)
    let request = VisitRequest(
      part: visit.part, copy: copy.label,
      copyFile: copy.url.hasPrefix("sqlite:") ? copy.url : nil, written: CapturedText(written),
      setsBegun: setsBegun)
    guard let visitor = runner.visitor else {
      visit = try recall(request)
      setsBegun += visit.sets
      return
    }
    var open: RehearsalServer?
    do throws(StepFailure) {
      try await visitor.carryOut(request, release, databaseURL: copy.url, &open, &visit)
      setsBegun += visit.sets
    } catch {
      if let open { leftovers.servers.append(open) }
      throw .failed(error)
    }
  }

  /// What was told of a visit; asks for it where nothing was.
  private func recall(_ request: VisitRequest) throws(RehearsalEnd) -> ServerVisit {
    do throws(StepFailure) {
      if let visit = try memory?.visit(request) { return visit }
    } catch {
      throw .failed(error)
    }
    throw .suspended(request)
  }
}
