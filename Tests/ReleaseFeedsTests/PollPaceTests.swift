import ReleaseFeeds
import Testing
import WindlassCore

/// Always draws the lowest or the highest number of a range.
private enum Extreme: UInt64, RandomNumberGenerator {
  // The standard library rejects a zero in most ranges and draws again, here for ever.
  case lowest = 1
  case highest = 0xFFFF_FFFF_FFFF_FFFF
  mutating func next() -> UInt64 { rawValue }
}

@Suite struct PollPaceTests {
  private func wait(_ pace: PollPace, drawing extreme: Extreme) -> Int64 {
    var generator = extreme
    return pace.wait(using: &generator).milliseconds
  }

  @Test func `polls that go well are an interval apart, a tenth more or less`() {
    let pace = PollPace(interval: .minutes(1))
    #expect(wait(pace, drawing: .lowest) == 54_000)
    #expect(wait(pace, drawing: .highest) == 66_000)
  }

  @Test func `failures double the wait up to its bound, and success ends them`() {
    var pace = PollPace(interval: .minutes(1))
    var waits: [Int64] = []
    for _ in 0..<8 {
      pace.note(isFailure: true)
      waits.append(wait(pace, drawing: .lowest))
    }
    #expect(
      waits == [54_000, 108_000, 216_000, 432_000, 810_000, 810_000, 810_000, 810_000])
    pace.note(isFailure: false)
    #expect(wait(pace, drawing: .lowest) == 54_000)
  }

  @Test func `no number of failures makes the wait longer than its bound`() {
    var pace = PollPace(interval: .minutes(1))
    for _ in 0..<1_000 {
      pace.note(isFailure: true)
      #expect(wait(pace, drawing: .highest) <= Bounds.pollBackoffMax.milliseconds)
    }
  }

  @Test func `an interval above the bound stays`() {
    var pace = PollPace(interval: .hours(2))
    pace.note(isFailure: true)
    pace.note(isFailure: true)
    #expect(wait(pace, drawing: .highest) == 7_200_000)
  }

  @Test func `waits of many pollers differ and stay within a tenth`() {
    let pace = PollPace(interval: .seconds(10))
    var generator = SystemRandomNumberGenerator()
    let waits = (0..<1_000).map { _ in pace.wait(using: &generator).milliseconds }
    #expect(waits.allSatisfy { (9_000...11_000).contains($0) })
    #expect(Set(waits).count > 100)
  }
}
