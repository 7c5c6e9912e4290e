import Testing
import WindlassCore

@testable import KubernetesFleet

/// How fast is asked, and how long is waited.
struct PacingTests {
  private let start = Timestamp(milliseconds: 1_800_000_000_000)

  @Test func `a burst passes at once, the rest at the rate`() {
    var bucket = TokenBucket(perSecond: 20, burst: 3)
    let waits = (0..<5).map { _ in bucket.take(at: start).milliseconds }
    #expect(waits == [0, 0, 0, 50, 100])
  }

  @Test func `a rest fills the bucket, and never more than that`() {
    var bucket = TokenBucket(perSecond: 20, burst: 3)
    for _ in 0..<3 { _ = bucket.take(at: start) }
    #expect(bucket.take(at: start + .milliseconds(50)) == .zero)
    let later = start + .hours(24 * 365)
    #expect((0..<4).map { _ in bucket.take(at: later).milliseconds } == [0, 0, 0, 50])
  }

  @Test func `a clock that stands still or goes back gives nothing`() {
    var bucket = TokenBucket(perSecond: 10, burst: 1)
    #expect(bucket.take(at: start) == .zero)
    #expect(bucket.take(at: start + .seconds(-60)) == .milliseconds(100))
    #expect(bucket.take(at: start) == .milliseconds(200))
  }

  @Test(arguments: [1, 3, 7, 20, 999]) func `no rate is exceeded in the long run`(rate: Int) {
    var bucket = TokenBucket(perSecond: rate, burst: 5)
    var now = start
    for _ in 0..<1_000 { now = now + bucket.take(at: now) }
    let passed = (now - start).milliseconds
    #expect(passed >= Int64(1_000 - 5 - 1) * 1_000 / Int64(rate) - 1_000 / Int64(rate) - 1)
  }

  @Test func `the limit of a pause doubles up to the longest`() {
    let backoff = Backoff(first: .milliseconds(100), longest: .seconds(1))
    #expect(
      (1...6).map { backoff.limit(afterFailures: $0).milliseconds }
        == [100, 200, 400, 800, 1_000, 1_000])
    #expect(backoff.limit(afterFailures: .max) == .seconds(1))
  }

  @Test func `a pause is any part of its limit, and never nothing`() {
    let backoff = Backoff(first: .milliseconds(100), longest: .seconds(1))
    #expect(backoff.delay(afterFailures: 1, atLeast: nil, fraction: 0) == .milliseconds(1))
    #expect(backoff.delay(afterFailures: 2, atLeast: nil, fraction: 0.5) == .milliseconds(100))
    #expect(
      backoff.delay(afterFailures: 1, atLeast: .seconds(3), fraction: 0.5) == .milliseconds(3_050))
  }
}
