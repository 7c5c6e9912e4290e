import Testing
import WindlassCore

/// What a roll may rely on where a controller keeps the instances.
package enum WorkloadFleetContract {
  /// One sentence of this contract.
  package typealias Clause = WindlassContracts.Clause<any WorkloadFleetSubject>

  /// Every clause; each wants a new subject.
  package static let clauses = reading + bounding + steering + fencing

  // MARK: - What is read

  private static let reading: [Clause] = [
    Clause("a reading names every instance with its image, its readiness and its machine") {
      subject in
      let asked = try await subject.connect().observe(remembering: [])
      let kept = try await subject.kept()
      #expect(Set(asked.instances.map(\.id)) == Set(kept.map(\.id)))
      #expect(asked.instances.count == subject.desired)
      #expect(asked.desired == subject.desired)
      #expect(asked.isTakenIn)
      #expect(asked.hold == nil)
      #expect(asked.template.mark == nil)
      #expect(asked.template.editor == nil)
      #expect(asked.template.build == subject.release(.first).imageDigest)
      for instance in asked.instances {
        #expect(instance.build == subject.release(.first).imageDigest)
        #expect(instance.life == .alive)
        #expect(instance.isReady)
        #expect(instance.hasStarted)
        #expect(!instance.isLeaving)
        #expect(instance.restarts == 0)
        #expect(instance.exit == nil)
        let machine = asked.machines.first { $0.name == instance.place?.machine }
        #expect(machine?.boot != nil)
        #expect(machine?.boot == instance.place?.boot)
        #expect(machine?.isGone == false)
      }
    },
    Clause("an instance that never gets ready is alive and says why it is not") { subject in
      try await subject.carryOut("1", .wave(subject.canary), .broken)
      let asked = try await subject.connect().observe(remembering: [])
      let build = subject.release(.broken).imageDigest
      let new = asked.instances.filter { $0.build == build }
      #expect(new.count == 1)
      #expect(new.allSatisfy { $0.life == .alive && $0.hasStarted && !$0.isReady })
      #expect(new.allSatisfy { !$0.detail.isEmpty })
    },
    Clause("a process that ended and was begun again is told, and breaks its readiness") {
      subject in
      let fleet = try await subject.connect()
      let before = try #require(try await fleet.observe(remembering: []).instances.first)
      try await subject.restart(before.id)
      try await subject.pass(.minutes(1))
      let asked = try await fleet.observe(remembering: [])
      let after = try #require(asked.instances.first { $0.id == before.id })
      #expect(after.restarts == before.restarts + 1)
      #expect(after.exit == ExitReport(code: 7))
      #expect(after.isReady)
      #expect(after.readinessMark != before.readinessMark)
    },
    Clause("readiness that nothing interrupted keeps its mark") { subject in
      let fleet = try await subject.connect()
      let before = try await fleet.observe(remembering: [])
      try await subject.pass(.hours(1))
      let after = try await fleet.observe(remembering: [])
      #expect(before.instances.map(\.readinessMark) == after.instances.map(\.readinessMark))
      #expect(before.template.revision == after.template.revision)
      #expect(before.token == after.token)
    },
    Clause("an instance whose end nobody saw is in no reading") { subject in
      let fleet = try await subject.connect()
      let before = try #require(try await fleet.observe(remembering: []).instances.first)
      try await subject.remove(before.id)
      try await subject.pass(.minutes(5))
      let asked = try await fleet.observe(remembering: [])
      #expect(asked.instances.allSatisfy { $0.id != before.id })
      #expect(asked.instances.count == subject.desired)
    },
    Clause("a machine that is remembered is told, and said to be gone when it is") { subject in
      let fleet = try await subject.connect()
      let instance = try #require(try await fleet.observe(remembering: []).instances.first)
      let machine = try #require(instance.place?.machine)
      try await subject.takeAway(machine: machine)
      try await subject.pass(.minutes(1))
      let asked = try await fleet.observe(remembering: [machine, "never-was"])
      #expect(asked.machines.first { $0.name == machine }?.isGone == true)
      #expect(asked.machines.first { $0.name == "never-was" }?.isGone == true)
      let left = asked.instances.first { $0.id == instance.id }
      #expect(left.map { $0.life != .alive } ?? true)
    },
    Clause("a workload that is not there is told as missing") { subject in
      let fleet = try await subject.connect()
      let order = try await subject.order("1", .whole, .second)
      try await subject.removeWorkload()
      try await subject.pass(.minutes(1))
      let read = try await failure { _ = try await fleet.observe(remembering: []) }
      #expect(read?.code == "WorkloadMissing")
      #expect(read?.disposition == .wait)
      let written = try await failure { try await fleet.write(order) }
      #expect(written?.disposition == .wait)
      #expect(try await subject.kept() == [])
    },
    Clause("only instances that are there answer for themselves") { subject in
      let fleet = try await subject.connect()
      let asked = try await fleet.observe(remembering: []).instances
      let one = try #require(asked.first)
      let answers = try await fleet.probe([one.id, "never:was"], with: [])
      #expect(answers.map(\.id) == [one.id])
      #expect(try await fleet.probe(["never:was"], with: []) == [])
    },
  ]

  // MARK: - Bounds

  /// Times in which nobody looks, from an instant to years.
  private static let absences: [Interval] = [
    .milliseconds(50), .seconds(1), .seconds(30), .minutes(10), .hours(24), .hours(24 * 400),
  ]

  /// Holds a wave to its bound, however long nobody looks.
  private static func hold(
    _ subject: any WorkloadFleetSubject, to bound: WaveBound, _ which: ContractRelease
  ) async throws {
    for absence in absences {
      try await subject.pass(absence)
      let kept = try await subject.kept().filter { !$0.isLeaving }
      let new = kept.count { $0.build == subject.release(which).imageDigest }
      let old = kept.count { $0.build == subject.release(.first).imageDigest }
      #expect(new <= bound.instances, "\(new) new after \(absence.milliseconds) ms")
      let floor = subject.desired - bound.good - bound.unavailable
      #expect(old >= floor, "\(old) old after \(absence.milliseconds) ms")
      #expect(
        kept.count <= subject.desired + bound.surge,
        "\(kept.count) in all after \(absence.milliseconds) ms")
    }
  }

  private static let bounding: [Clause] = [
    Clause("a wave is bounded however long nobody looks") { subject in
      try await subject.carryOut("1", .wave(subject.canary), .second)
      try await hold(subject, to: subject.canary, .second)
      #expect(try await subject.count(.second) == 1)
      try await subject.carryOut("2", .wave(subject.secondWave), .second)
      try await hold(subject, to: subject.secondWave, .second)
      #expect(try await subject.count(.second) == 2)
    },
    Clause("a wave that never gets ready is bounded however long nobody looks") { subject in
      try await subject.carryOut("1", .wave(subject.canary), .broken)
      try await hold(subject, to: subject.canary, .broken)
      #expect(try await subject.count(.broken) == 1)
    },
    Clause("an order without a bound replaces every instance") { subject in
      try await subject.carryOut("1", .whole, .second)
      #expect(try await subject.count(.second) == subject.desired)
      #expect(try await subject.count(.first) == 0)
      let asked = try await subject.connect().observe(remembering: [])
      #expect(asked.isTakenIn)
      #expect(asked.instances.allSatisfy { $0.isReady })
    },
    Clause("a number that its owner wants meanwhile is kept") { subject in
      guard subject.shape != .byRemoval else { return }
      try await subject.carryOut("1", .wave(subject.canary), .second)
      try await subject.scale(to: 5)
      try await subject.pass(.minutes(5))
      #expect(try await subject.connect().observe(remembering: []).desired == 5)
      try await subject.carryOut("2", .whole, .second)
      #expect(try await subject.connect().observe(remembering: []).desired == 5)
      #expect(try await subject.count(.second) == 5)
    },
  ]

  // MARK: - Steering

  private static let steering: [Clause] = [
    Clause("a hold stops the replacing and leaves release and bound as they are") { subject in
      try await subject.carryOut("1", .wave(subject.canary), .second)
      let fleet = try await subject.connect()
      let before = try await fleet.observe(remembering: [])
      try await subject.carryOut("2", .hold, .second)
      let held = try await fleet.observe(remembering: [])
      #expect(held.hold == .ours)
      #expect(held.template.mark?.aim == .hold)
      #expect(held.template.revision == before.template.revision)
      #expect(held.template.build == before.template.build)
      #expect(held.template.editor == nil)
      #expect(Set(held.instances.map(\.id)) == Set(before.instances.map(\.id)))
      try await subject.carryOut("3", .wave(subject.secondWave), .second)
      #expect(try await fleet.observe(remembering: []).hold == nil)
      #expect(try await subject.count(.second) == 2)
    },
    Clause("a hold amid a whole order keeps the rest of the release before") { subject in
      guard subject.shape != .byRemoval else { return }
      let order = try await subject.order("1", .whole, .second)
      try await subject.connect().write(order)
      try await subject.pass(.seconds(3))
      try await subject.connect().write(try await subject.order("2", .hold, .second))
      try await subject.pass(.hours(24))
      #expect(try await subject.count(.second) < subject.desired)
      #expect(try await subject.count(.first) > 0)
    },
    Clause("a retreat brings the release before back everywhere, and ends a hold") { subject in
      try await subject.carryOut("1", .wave(subject.canary), .broken)
      try await subject.carryOut("2", .hold, .broken)
      let broken = try await subject.kept().filter {
        $0.build == subject.release(.broken).imageDigest
      }
      var order = try await subject.order("3", .retreat, .first)
      if subject.shape != .surging { order.removing = broken.map(\.id) }
      let fleet = try await subject.connect()
      try await fleet.write(order)
      try await subject.pass(.minutes(10))
      #expect(try await subject.count(.first) == subject.desired)
      #expect(try await subject.count(.broken) == 0)
      let asked = try await fleet.observe(remembering: [])
      #expect(asked.hold == nil)
      #expect(asked.instances.allSatisfy { $0.isReady })
      #expect(asked.template.build == subject.release(.first).imageDigest)
    },
    Clause("an instance is removed under the id that an order names, and never its successor") {
      subject in
      let fleet = try await subject.connect()
      let gone = try #require(try await fleet.observe(remembering: []).instances.first)
      try await subject.remove(gone.id)
      try await subject.pass(.minutes(5))
      let before = try await subject.kept()
      let order = try await subject.order(
        "1", .hold, .first, removing: [gone.id, "never:was"])
      try await fleet.write(order)
      try await subject.pass(.minutes(5))
      #expect(Set(try await subject.kept()) == Set(before))
    },
    Clause("an instance that an order names is removed") { subject in
      let fleet = try await subject.connect()
      let named = try #require(try await fleet.observe(remembering: []).instances.first)
      try await fleet.write(try await subject.order("1", .hold, .first, removing: [named.id]))
      try await subject.pass(.minutes(5))
      let kept = try await subject.kept()
      #expect(kept.allSatisfy { $0.id != named.id })
      #expect(kept.count == subject.desired)
    },
    Clause("what somebody else changes is told with their name until the next order") { subject in
      try await subject.carryOut("1", .wave(subject.canary), .second)
      let fleet = try await subject.connect()
      let before = try await fleet.observe(remembering: [])
      #expect(before.template.editor == nil)
      try await subject.edit()
      let edited = try await fleet.observe(remembering: [])
      #expect(edited.template.editor == "somebody")
      #expect(edited.template.revision != before.template.revision)
      #expect(edited.template.mark == before.template.mark)
      try await subject.carryOut("2", .wave(subject.canary), .second)
      #expect(try await fleet.observe(remembering: []).template.editor == nil)
    },
    Clause("a pause of somebody else is told with their name") { subject in
      try await subject.carryOut("1", .wave(subject.canary), .second)
      guard try await subject.pauseByOther() else { return }
      let asked = try await subject.connect().observe(remembering: [])
      #expect(asked.hold == .foreign("somebody"))
    },
  ]

  // MARK: - Fencing

  private static let fencing: [Clause] = [
    Clause("an order leaves its mark, in the same write as what it says") { subject in
      let order = try await subject.carryOut("1", .wave(subject.canary), .second, epoch: 7)
      let asked = try await subject.connect().observe(remembering: [])
      #expect(asked.template.mark == order.mark)
      #expect(asked.template.build == subject.release(.second).imageDigest)
      #expect(asked.template.editor == nil)
      #expect(asked.token != order.token)
    },
    Clause("an order that is in force already succeeds and changes nothing") { subject in
      let order = try await subject.carryOut("1", .wave(subject.canary), .second)
      let before = try await subject.connect().observe(remembering: [])
      try await subject.connect().write(order)
      try await subject.pass(.minutes(5))
      let after = try await subject.connect().observe(remembering: [])
      #expect(after.token == before.token)
      #expect(after.template == before.template)
      #expect(after.instances.map(\.id) == before.instances.map(\.id))
    },
    Clause("an order of an older epoch changes nothing") { subject in
      try await subject.carryOut("1", .wave(subject.canary), .second, epoch: 2)
      let before = try await subject.connect().observe(remembering: [])
      let late = try await subject.order("2", .whole, .second, epoch: 1)
      let failed = try await failure { try await subject.connect().write(late) }
      #expect(failed?.code == "FenceLost")
      #expect(failed?.disposition == .stop)
      let after = try await subject.connect().observe(remembering: [])
      #expect(after.template == before.template)
      #expect(after.token == before.token)
    },
    Clause("an order decided on another state changes nothing") { subject in
      let first = try await subject.order("1", .whole, .second)
      let second = try await subject.order("2", .wave(subject.canary), .second)
      try await subject.connect().write(second)
      let before = try await subject.connect().observe(remembering: [])
      let failed = try await failure { try await subject.connect().write(first) }
      #expect(failed?.code == "WorkloadChanged")
      #expect(failed?.disposition == .wait)
      #expect(try await subject.connect().observe(remembering: []).template == before.template)
    },
    Clause("an order decided before somebody else's change does not write over it") { subject in
      let order = try await subject.order("1", .whole, .second)
      try await subject.edit()
      let before = try await subject.connect().observe(remembering: [])
      let failed = try await failure { try await subject.connect().write(order) }
      #expect(failed?.code == "WorkloadChanged")
      #expect(try await subject.connect().observe(remembering: []).template == before.template)
      #expect(try await subject.count(.second) == 0)
    },
    Clause("an order decided before another number was wanted changes nothing") { subject in
      guard subject.shape != .byRemoval else { return }
      let order = try await subject.order("1", .wave(subject.canary), .second)
      try await subject.scale(to: 5)
      let failed = try await failure { try await subject.connect().write(order) }
      #expect(failed?.code == "WorkloadChanged")
      #expect(try await subject.connect().observe(remembering: []).template.mark == nil)
    },
    Clause("an order decided before a controller wrote its state is carried out") { subject in
      try await subject.carryOut("1", .wave(subject.canary), .second)
      let order = try await subject.order("2", .wave(subject.secondWave), .second)
      let one = try #require(try await subject.kept().first)
      try await subject.restart(one.id)
      try await subject.pass(.seconds(5))
      try await subject.connect().write(order)
      let asked = try await subject.connect().observe(remembering: [])
      #expect(asked.template.mark == order.mark)
    },
    Clause("an order whose reply was lost is told by its mark, and not carried out twice") {
      subject in
      let order = try await subject.order("1", .wave(subject.canary), .second)
      try await subject.writeLosingReply(order)
      let asked = try await subject.connect().observe(remembering: [])
      #expect(asked.template.mark == order.mark)
      try await subject.connect().write(order)
      #expect(try await subject.connect().observe(remembering: []).token == asked.token)
    },
  ]
}
