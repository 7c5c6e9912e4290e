package import WindlassCore

/// When the loops that all else rests on turned last, and so which of them stand still.
///
/// Pure. A loop that waits for a server turns as well: it tries again.
package struct Heartbeats: Hashable, Sendable {
  private struct Beat: Hashable, Sendable {
    var last: Timestamp
    var silenceMax: Interval
  }

  private var beats: [String: Beat] = [:]

  /// Of no loop yet.
  package init() {}

  /// Notes that a loop turned, or is about to begin.
  ///
  /// - Parameter silenceMax: How long it may take until it turns again.
  package mutating func turn(_ loop: String, at now: Timestamp, silenceMax: Interval) {
    beats[loop] = Beat(last: now, silenceMax: silenceMax)
  }

  /// Notes that a loop has ended as it should.
  package mutating func end(_ loop: String) { beats[loop] = nil }

  /// A check for each loop that has begun, by name.
  package func report(at now: Timestamp) -> HealthReport {
    HealthReport(beats.keys.sorted().map { check($0, at: now) })
  }

  /// Whether a loop has begun and goes on; it stands still when it was silent for too long.
  package func check(_ loop: String, at now: Timestamp) -> HealthReport.Check {
    guard let beat = beats[loop] else {
      return HealthReport.Check(loop, trouble: "has not begun")
    }
    let silence = now - beat.last
    guard silence > beat.silenceMax else { return HealthReport.Check(loop) }
    return HealthReport.Check(
      loop, trouble: "has stood still for \(silence.milliseconds / 1_000) seconds")
  }
}
