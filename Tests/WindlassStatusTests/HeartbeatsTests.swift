import Testing
import WindlassCore

@testable import WindlassStatus

/// Whether loops go on.
struct HeartbeatsTests {
  private let start = Timestamp(milliseconds: 1_800_000_000_000)

  @Test func `a loop is alive until it was silent for longer than it may be`() {
    var beats = Heartbeats()
    beats.turn("election", at: start, silenceMax: .minutes(1))
    beats.turn("informer of pods", at: start, silenceMax: .minutes(15))
    #expect(beats.report(at: start + .minutes(1)).isGood)
    let late = beats.report(at: start + .seconds(61))
    #expect(!late.isGood)
    #expect(
      late.text == """
        [-]election has stood still for 61 seconds
        [+]informer of pods ok
        failed

        """)
    beats.turn("election", at: start + .seconds(61), silenceMax: .minutes(1))
    #expect(beats.report(at: start + .seconds(61)).isGood)
  }

  @Test func `a loop that ended as it should is missed by nobody`() {
    var beats = Heartbeats()
    beats.turn("services", at: start, silenceMax: .seconds(1))
    beats.end("services")
    #expect(beats.report(at: start + .hours(1)) == HealthReport([]))
    #expect(beats.check("services", at: start).trouble == "has not begun")
  }

  @Test func `with nothing to look at all is well`() {
    #expect(HealthReport([]).isGood)
    #expect(HealthReport([]).text == "ok\n")
  }
}
