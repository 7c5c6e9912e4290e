import WindlassCore

/// Another clock's time, from a floor on: the later of both at the beginning, and from there at
/// that clock's pace.
///
/// A service's time never goes behind what its journal has, and each service has a journal of its
/// own, while there is one clock for all of them.
struct FlooredClock: RunClock {
  private let clock: any RunClock
  /// How far it is ahead of the other clock.
  private let lead: Interval

  /// Starts at the later of the clock's time and `floor`.
  init(_ clock: any RunClock, floor: Timestamp?) {
    self.clock = clock
    let now = clock.now()
    lead = max(.zero, (floor ?? now) - now)
  }

  func now() -> Timestamp { clock.now() + lead }

  func sleep(until time: Timestamp) async {
    await clock.sleep(until: time + .milliseconds(-lead.milliseconds))
  }
}
