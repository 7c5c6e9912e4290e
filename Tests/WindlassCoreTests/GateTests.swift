import Testing
import WindlassCore

/// The two gates that the master invariant rests on, over every combination of what they look at.
@Suite struct GateTests {
  enum Ledger: CaseIterable { case clean, dirty, unknown }
  enum Place: UInt64, CaseIterable {
    case below = 3
    case inside = 4
    case above = 6
  }
  enum Held: UInt64, CaseIterable {
    case mine = 1
    case lost = 2
  }
  enum Age: Int64, CaseIterable {
    case fresh = 0
    case stale = -1
  }

  @Test func `an instance may start in one of the 36 states of ledger, place, fence and age`() {
    let gate = StartGate(window: Samples.second.window, epoch: Epoch(1))
    var open: [String] = []
    var rows = 0
    for ledger in Ledger.allCases {
      for place in Place.allCases {
        for held in Held.allCases {
          for age in Age.allCases {
            rows += 1
            var reading = Samples.ledger(place.rawValue, isDirty: ledger == .dirty)
            reading.epoch = Epoch(Int64(held.rawValue))
            reading.asOf = Samples.now + .milliseconds(age.rawValue)
            let seen = ledger == .unknown ? nil : reading
            if gate.admits(seen, notBefore: Samples.now) {
              open.append("\(ledger) \(place) \(held) \(age)")
            }
          }
        }
      }
    }
    #expect(rows == 36)
    #expect(open == ["clean inside mine fresh"])
  }

  /// What became of an old instance.
  enum Old: CaseIterable {
    case dead, ready, draining, unknown
    /// Its object is gone, and nobody saw its processes end.
    case forceDeleted
    /// Its machine does not answer.
    case nodeLost
  }

  @Test func `the contraction starts in one of the 432 states of three old instances`() {
    var started: [String] = []
    var rows = 0
    for first in Old.allCases {
      for second in Old.allCases {
        for third in Old.allCases {
          for isCommitted in [false, true] {
            rows += 1
            let olds = [first, second, third]
            if contracts(beside: olds, isCommitted: isCommitted) {
              started.append("\(olds) \(isCommitted)")
            }
          }
        }
      }
    }
    #expect(rows == 432)
    #expect(started == ["\([Old.dead, .dead, .dead]) true"])
  }

  /// Whether the step beside such instances applies the contract migration.
  private func contracts(beside olds: [Old], isCommitted: Bool) -> Bool {
    var stage = Stage(.contract, isCommitted: isCommitted, applied: [3, 4])
    for (number, old) in olds.enumerated() {
      let id = InstanceID("beacon-\(number)")
      switch old {
      case .dead: stage.add(id, Samples.first, life: .dead, isReady: false)
      case .ready: stage.add(id, Samples.first)
      case .draining: stage.add(id, Samples.first, isDraining: true, isReady: false)
      case .unknown, .forceDeleted, .nodeLost:
        stage.add(id, Samples.first, life: .unknown, isReady: false)
      }
    }
    stage.add("beacon-8", Samples.second)
    stage.add("beacon-9", Samples.second)
    let now = Samples.now + .seconds(1)
    guard case .perform(_, .apply(let order, _)) = stage.effect(at: now, schema: 4) else {
      return false
    }
    return order.migration.phase == .contract
  }

  @Test func `a run carries on its own half-way migration although an instance is missing`() {
    var stage = Stage(.expand, applied: [3])
    stage.add("beacon-1", Samples.first)
    let now = Samples.now + .seconds(1)
    var observation = stage.observation(at: now, schema: 3)
    observation.ledger?.isDirty = true
    observation.ledger?.interruptedRun = "beacon-r1"
    let state = ServiceState(record: stage.record, watch: stage.watch)
    // No instance starts on a half-way schema, and the run does not stand for that.
    let next = step(state, observation, now: now)
    guard case .perform(_, .apply(let order, _)) = next.effect else {
      Issue.record("the migration is not carried on: \(String(describing: next.effect))")
      return
    }
    #expect(order.migration.version == 4)
    observation.ledger?.interruptedRun = "beacon-r0"
    let other = step(state, observation, now: now)
    #expect(other.effect == nil)
    #expect(other.state.record.run?.block?.code == "DirtyLedger")
  }
}
