import WindlassCore
import WindlassSchema

extension RehearsalReport {
  /// The report as Markdown that also reads well as plain text.
  ///
  /// Everything that came from outside stands in indented blocks, where Markdown has no meaning.
  package var text: String {
    var lines = ["# Rehearsal of \(service) \(target)", ""]
    lines += verdictLines
    lines += ["## The hop", ""]
    lines += block(hopLines)
    lines += stepLines
    lines += section("Migrations on the copy", migrations.map(line(for:)))
    lines += section("What they changed before the roll", differences)
    lines += section("What that means for \(source.map(\.description) ?? "nobody")", findingLines)
    return lines.joined(separator: "\n") + "\n"
  }

  private var verdictLines: [String] {
    guard let verdict else {
      let reason = failure?.description ?? "it did not end"
      return ["There is no verdict:", ""] + block([reason])
    }
    let rollback = verdict.coversRollback ? "covered" : "not covered"
    let summary =
      "Verdict: **\(verdict.judgement.rawValue)** after \(verdict.checks) checks; automatic "
      + "roll-back is \(rollback); the longest lock was held for \(verdict.holdForecast)."
    return [summary, ""] + block(verdict.evidence)
  }

  private var hopLines: [String] {
    let from = source.map(\.description) ?? "nothing"
    let took = "took      \(duration)"
    return [
      "service   \(service)", "run       \(run)", "kind      \(kind.rawValue)",
      "from      \(from)", "to        \(target)", "backup    \(backup)", took,
    ]
  }

  private var stepLines: [String] {
    var lines = ["## Steps", ""]
    for (index, step) in steps.enumerated() {
      // Titles are made of our own words, versions and ids, none of which means anything here.
      let state = step.outcome == .passed ? "" : ": **\(step.outcome.rawValue)**"
      lines.append("\(index + 1). \(Excerpt.plain(step.title))\(state) (\(step.duration))")
      let details = step.details + step.probes.map(line(for:))
      lines += details.isEmpty ? [] : [""] + block(details)
    }
    return lines.last == "" ? lines : lines + [""]
  }

  private var findingLines: [String] {
    findings.map { $0.isBreaking ? "BREAKING \($0.sentence)" : $0.sentence }
  }

  private func line(for probe: ProbeResult) -> String {
    switch probe.outcome {
    case .passed: "passed   \(probe.title) (\(probe.duration))"
    case .failed(let reason): "FAILED   \(probe.title) \(reason) (\(probe.duration))"
    case .skipped(let reason): "skipped  \(probe.title) \(reason)"
    }
  }

  private func line(for observation: MigrationObservation) -> String {
    let file = Excerpt.plain(observation.file, limit: 200)
    return "\(file) (\(observation.migration.phase.rawValue)) held its lock for \(observation.held)"
  }

  private func section(_ title: String, _ lines: [String]) -> [String] {
    lines.isEmpty ? [] : ["## \(title)", ""] + block(lines)
  }

  private func block(_ lines: [String]) -> [String] {
    lines.isEmpty ? [] : lines.map { "    \($0)" } + [""]
  }
}
