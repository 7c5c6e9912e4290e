import ReleaseFeeds
import Testing
import WindlassCore

@Suite struct PollBeatTests {
  @Test func `polls that are due within a second begin together at its end`() {
    let beat = PollBeat(at: 0.25)
    let now = Timestamp(milliseconds: 1_000_000)
    let begins = (0..<1_000).map {
      beat.begin(after: .milliseconds(30_251 + $0), from: now).milliseconds
    }
    #expect(Set(begins) == [1_031_250])
    #expect(beat.begin(after: .milliseconds(30_250), from: now).milliseconds == 1_030_250)
  }

  @Test func `a poll never begins before it is due, nor a second later`() {
    var generator = SystemRandomNumberGenerator()
    for _ in 0..<1_000 {
      let beat = PollBeat(at: Double.random(in: 0..<1, using: &generator))
      let now = Timestamp(milliseconds: .random(in: 0..<2_000_000_000_000, using: &generator))
      let wait = Interval(milliseconds: .random(in: 10_000..<900_000, using: &generator))
      let late = beat.begin(after: wait, from: now) - (now + wait)
      #expect((0..<1_000).contains(late.milliseconds))
    }
  }

  @Test func `a short wait stays as it is`() {
    let now = Timestamp(milliseconds: 1_000_000)
    #expect(
      PollBeat(at: 0.5).begin(after: .milliseconds(9_999), from: now).milliseconds == 1_009_999)
  }
}
