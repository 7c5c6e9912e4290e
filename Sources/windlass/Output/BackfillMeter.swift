import Synchronization
import WindlassCore
import WindlassWire

/// Shows how far a backfill has come while a command works: redrawn on a terminal, now and then a
/// line elsewhere, and JSON lines for machines.
final class BackfillMeter: Sendable {
  private struct Shown {
    var progress: BackfillProgress
    var at: ContinuousClock.Instant
  }

  private let output: Output
  private let last = Mutex<Shown?>(nil)

  /// The pause between two frames on a terminal, and between two lines elsewhere.
  private static let pauses = (frame: Duration.milliseconds(200), line: Duration.seconds(5))

  init(_ output: Output) { self.output = output }

  /// Shows the progress, unless it was shown a moment ago.
  func show(_ progress: BackfillProgress) {
    let now = ContinuousClock.now
    let pause = output.isInteractive ? Self.pauses.frame : Self.pauses.line
    let isDue = last.withLock { last in
      if let shown = last, shown.progress.migration == progress.migration,
        shown.progress.heldUpBy == progress.heldUpBy, now - shown.at < pause
      {
        return false
      }
      last = Shown(progress: progress, at: now)
      return true
    }
    guard isDue else { return }
    output.object(["backfill": progress.json])
    if output.isInteractive {
      output.frame([[.strong("backfill "), Span(progress.sentence)]])
    } else {
      output.progress(.strong("backfill"), " \(progress.sentence)")
    }
  }
}

extension BackfillProgress {
  /// How far it has come, for a person.
  var sentence: String {
    var text = "\(migration): \(rowsWalked) "
    if let rowsEstimated, let percent {
      text += "of about \(max(rowsEstimated, rowsWalked)) rows of \(table) (\(percent) %)"
    } else {
      text += "rows of \(table)"
    }
    text += " walked by \(key), \(rowsChanged) changed"
    if walk > 1 { text += ", walk \(walk)" }
    if let heldUpBy { text += "; waits: \(heldUpBy)" }
    return text
  }

  /// How far it has come, for machines.
  var json: JSONValue {
    [
      "migration": .string(migration.description), "table": .string(table), "key": .string(key),
      "rowsWalked": .integer(rowsWalked), "rowsChanged": .integer(rowsChanged),
      "rowsEstimated": rowsEstimated.map { .integer($0) } ?? .null,
      "percent": percent.map { .integer(Int64($0)) } ?? .null, "walk": .integer(Int64(walk)),
      "heldUpBy": heldUpBy.map { .string($0) } ?? .null,
    ]
  }
}
