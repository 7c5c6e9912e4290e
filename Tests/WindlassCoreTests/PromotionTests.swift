import Testing
import WindlassCore

/// When a new instance counts as good.
@Suite struct PromotionTests {
  /// Readings of one string, a tenth of a second apart.
  static let length = 12

  @Test func `of 4096 strings of readings those are promoted that end ready for the window`() {
    let window = 4
    var wrong: [String] = []
    for bits in 0..<(1 << Self.length) {
      let readings = (0..<Self.length).map { bits >> $0 & 1 == 1 }
      let isDue = readings.suffix(window).allSatisfy { $0 }
      if isPromoted(after: readings) != isDue {
        wrong.append(readings.map { $0 ? "1" : "0" }.joined())
      }
    }
    #expect(wrong.isEmpty)
  }

  /// Whether the canary is put to its probes right after the last reading; until then the run is
  /// paused, and only looked at.
  private func isPromoted(after readings: [Bool]) -> Bool {
    var stage = Stage(.roll, applied: [3, 4])
    stage.add("beacon-1", Samples.first)
    stage.add("beacon-2", Samples.first)
    stage.add("beacon-3", Samples.second)
    stage.record.instances[2].passedProbes = false
    stage.record.instances[2].wasGood = false
    stage.record.isPaused = true
    var state = ServiceState(record: stage.record, watch: stage.watch)
    var now = Samples.now
    for (index, isReady) in readings.enumerated() {
      now = now + .milliseconds(100)
      stage.readings[2].isReady = isReady
      stage.readings[2].reportedVersion = isReady ? "1.1.0" : nil
      var observation = stage.observation(at: now, schema: 4)
      if index == readings.count - 1 {
        observation.decisions = [Decision(choice: .resume, by: "test")]
      }
      let next = step(state, observation, now: now)
      if case .perform(_, .probe) = next.effect { return true }
      state = next.state
    }
    return false
  }
}
