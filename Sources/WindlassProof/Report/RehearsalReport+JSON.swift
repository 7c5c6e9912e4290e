import WindlassCore
import WindlassSchema
package import WindlassWire

extension RehearsalReport {
  /// The report as a JSON document; durations are in milliseconds.
  package var json: JSONValue {
    [
      "service": .string(service.text),
      "run": .string(run.text),
      "kind": .string(kind.rawValue),
      "from": source.map { .string($0.description) } ?? .null,
      "to": .string(target.description),
      "backup": .string(backup.text),
      "durationMilliseconds": .integer(duration.milliseconds),
      "verdict": verdict?.json ?? .null,
      "failure": failure?.json ?? .null,
      "steps": .array(steps.map(\.json)),
      "migrations": .array(migrations.map(\.json)),
      "differences": .array(differences.map(JSONValue.string)),
      "findings": .array(findings.map(\.json)),
      "queries": queries?.json ?? .null,
    ]
  }
}

extension QueriesReport {
  fileprivate var json: JSONValue {
    [
      "recorded": .integer(Int64(recorded)),
      "checked": .integer(Int64(checked)),
      "callsCheckedPercent": .integer(Int64(coverage)),
      "findings": .array(
        findings.map { finding in
          [
            "name": .string(finding.query.name), "sql": .string(finding.query.sql),
            "calls": .integer(finding.query.calls), "finding": .string(finding.kind.rawValue),
            "reason": .string(finding.reason),
          ]
        }),
    ]
  }
}

extension Verdict {
  /// The verdict as a JSON document.
  package var json: JSONValue {
    [
      "judgement": .string(judgement.rawValue),
      "checks": .integer(Int64(checks)),
      "coversRollback": .bool(coversRollback),
      "holdForecastMilliseconds": .integer(holdForecast.milliseconds),
      "evidence": .array(evidence.map(JSONValue.string)),
    ]
  }
}

extension StepFailure {
  fileprivate var json: JSONValue {
    [
      "code": .string(code), "disposition": .string(disposition.rawValue),
      "message": .string(message),
    ]
  }
}

extension RehearsalStep {
  fileprivate var json: JSONValue {
    [
      "title": .string(title),
      "outcome": .string(outcome.rawValue),
      "durationMilliseconds": .integer(duration.milliseconds),
      "details": .array(details.map(JSONValue.string)),
      "probes": .array(probes.map(\.json)),
    ]
  }
}

extension ProbeResult {
  fileprivate var json: JSONValue {
    let (state, reason): (String, String?) =
      switch outcome {
      case .passed: ("passed", nil)
      case .failed(let reason): ("failed", reason)
      case .skipped(let reason): ("skipped", reason)
      }
    return [
      "probe": .string(title),
      "outcome": .string(state),
      "reason": reason.map(JSONValue.string) ?? .null,
      "durationMilliseconds": .integer(duration.milliseconds),
    ]
  }
}

extension MigrationObservation {
  fileprivate var json: JSONValue {
    [
      "version": .integer(Int64(clamping: migration.version.number)),
      "phase": .string(migration.phase.rawValue),
      "file": .string(Excerpt.plain(file, limit: 200)),
      "heldMilliseconds": .integer(held.milliseconds),
      "backfill": backfill.map { backfill in
        [
          "rowsWalked": .integer(backfill.progress?.rowsWalked ?? 0),
          "rowsChanged": .integer(backfill.progress?.rowsChanged ?? 0),
          "workedMilliseconds": .integer(backfill.worked.milliseconds),
          "expectedMilliseconds": .integer(backfill.expected.milliseconds),
        ]
      } ?? .null,
    ]
  }
}

extension StructureFinding {
  fileprivate var json: JSONValue {
    [
      "rule": .string(rule.rawValue),
      "object": .string(object),
      "change": .string(change),
      "classes": .array(classes.map { .string($0.rawValue) }),
      "breaking": .bool(isBreaking),
      "instead": .string(rule.rewrite),
    ]
  }
}
