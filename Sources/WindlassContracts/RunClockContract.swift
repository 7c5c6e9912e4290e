import Testing
package import WindlassCore

/// A clock for one clause.
package protocol RunClockSubject: Sendable {
  /// A clock of a daemon that starts now and whose journal ends at `floor`.
  func start(after floor: Timestamp?) -> any RunClock
}

/// What waits and deadlines may rely on.
package enum RunClockContract {
  /// One sentence of this contract.
  package typealias Clause = WindlassContracts.Clause<any RunClockSubject>

  /// Every clause; each wants a new subject.
  package static let clauses: [Clause] = [
    Clause("time never goes back") { subject in
      let clock = subject.start(after: nil)
      var last = clock.now()
      for _ in 1...10_000 {
        let next = clock.now()
        #expect(last <= next)
        last = next
      }
    },
    Clause("a clock begins no earlier than the journal ends") { subject in
      let early = subject.start(after: nil).now()
      let floor = early + .hours(100)
      #expect(subject.start(after: floor).now() >= floor)
      #expect(subject.start(after: early + .hours(-100)).now() >= early)
    },
    Clause("a sleep ends at its time or later") { subject in
      let clock = subject.start(after: nil)
      let due = clock.now() + .milliseconds(30)
      await clock.sleep(until: due)
      #expect(clock.now() >= due)
    },
    Clause("a sleep until the past ends at once") { subject in
      let clock = subject.start(after: nil)
      let now = clock.now()
      await clock.sleep(until: now + .hours(-1))
      await clock.sleep(until: now)
      #expect(clock.now() - now < .hours(1))
    },
    Clause("a sleep ends when its task is cancelled") { subject in
      let clock = subject.start(after: nil)
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await clock.sleep(until: clock.now() + .hours(1_000)) }
        group.cancelAll()
        await group.waitForAll()
      }
    },
  ]
}
