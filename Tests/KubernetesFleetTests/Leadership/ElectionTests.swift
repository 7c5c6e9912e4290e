import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// Who may try to lead.
struct ElectionTests {
  private let start = Timestamp(milliseconds: 1_800_000_000_000)

  private func candidate(_ identity: String) -> Election {
    Election(identity: identity, namespace: "windlass", name: "operator")
  }

  private func lease(_ holder: String, version: String, at time: Timestamp) throws -> LeaseRecord {
    let record = LeaseRecord(
      namespace: "windlass", name: "operator", holder: holder, duration: .seconds(15), at: time)
    return try LeaseRecord(
      KubernetesObject(
        record.object.body.setting(["metadata", "resourceVersion"], to: .string(version))))
  }

  @Test func `where there has been no Lease for its time, one is made`() throws {
    var election = candidate("a")
    #expect(election.handle(.ready, at: start, fraction: 0) == [.read])
    #expect(election.handle(.read(nil), at: start, fraction: 0) == [.wait(.seconds(2))])
    let later = start + .seconds(15)
    let actions = election.handle(.read(nil), at: later, fraction: 0)
    guard case .create(let record) = actions.last else { return #expect(Bool(false)) }
    #expect(record.holder == "a")
    #expect(record.renewTime == "2027-01-15T08:00:15.000000Z")
    let made = try lease("a", version: "1", at: later)
    #expect(
      election.handle(.written(made, sentAt: later), at: later + .seconds(1), fraction: 0)
        == [.lead(until: later + .seconds(10)), .wait(.seconds(2))])
  }

  @Test func `a holder that says nothing is waited for by one's own clock`() throws {
    var election = candidate("b")
    // What the Lease says of times is years ago and counts for nothing.
    let held = try lease("a", version: "7", at: Timestamp(milliseconds: 1_000_000_000_000))
    for second in [0, 14] {
      let actions = election.handle(
        .read(held), at: start + .seconds(Int64(second)), fraction: 0)
      #expect(actions == [.wait(.seconds(2))])
    }
    guard
      case .update(let taken) = election.handle(
        .read(held), at: start + .seconds(15), fraction: 0
      ).last
    else { return #expect(Bool(false)) }
    #expect(taken.holder == "b")
    #expect(taken.transitions == 1)
    #expect(taken.object.resourceVersion == "7")
  }

  @Test func `a renewal begins the wait again`() throws {
    var election = candidate("b")
    for second in stride(from: Int64(0), to: 120, by: 10) {
      let held = try lease("a", version: "\(second)", at: start)
      #expect(
        election.handle(.read(held), at: start + .seconds(second), fraction: 0)
          == [.wait(.seconds(2))])
    }
  }

  @Test func `a leader whose renewals fail stops before others begin`() throws {
    var election = candidate("a")
    let held = try lease("a", version: "1", at: start)
    _ = election.handle(.written(held, sentAt: start), at: start, fraction: 0)
    let error = APIError(.noAnswer, request: "PUT", detail: "d", mayHaveHappened: true)
    #expect(
      election.handle(.failed(error), at: start + .milliseconds(9_999), fraction: 0)
        == [.wait(.seconds(2))])
    #expect(
      election.handle(.failed(error), at: start + .seconds(10), fraction: 0)
        == [.stop, .wait(.seconds(2))])
    #expect(election.until == nil)
  }

  @Test func `a leader that sees another one's name stops at once`() throws {
    var election = candidate("a")
    let held = try lease("a", version: "1", at: start)
    _ = election.handle(.written(held, sentAt: start), at: start, fraction: 0)
    let other = try lease("b", version: "2", at: start)
    #expect(
      election.handle(.read(other), at: start + .seconds(1), fraction: 0)
        == [.stop, .wait(.seconds(2))])
  }

  @Test func `an answer that comes too late gives no right`() throws {
    var election = candidate("a")
    let held = try lease("a", version: "1", at: start)
    #expect(
      election.handle(.written(held, sentAt: start), at: start + .seconds(10), fraction: 0)
        == [.wait(.seconds(2))])
  }

  @Test func `a Lease that is given up is free at once, and its other fields stay`() throws {
    var election = candidate("a")
    let body = try lease("a", version: "1", at: start).object.body
      .setting(["metadata", "labels"], to: ["team": "db"])
    let held = try LeaseRecord(KubernetesObject(body))
    _ = election.handle(.written(held, sentAt: start), at: start, fraction: 0)
    let released = try #require(election.released(at: start + .seconds(1)))
    #expect(released.holder.isEmpty)
    #expect(released.object.labels == ["team": "db"])
    var next = candidate("b")
    guard case .update(let taken) = next.handle(.read(released), at: start, fraction: 0).last
    else { return #expect(Bool(false)) }
    #expect(taken.holder == "b")
  }

  @Test(arguments: [(15, 15, 2), (15, 10, 9), (15, 10, 0), (0, 10, 2)])
  func `times that leave no room are refused`(lease: Int64, renewal: Int64, retry: Int64) {
    #expect(
      Election.Times(lease: .seconds(lease), renewal: .seconds(renewal), retry: .seconds(retry))
        == nil)
  }

  @Test(arguments: UInt64(1)...300)
  func `no two lead at once, whatever is late, lost or paused, nor when the Lease is deleted`(
    seed: UInt64
  ) throws {
    var race = Race(seed: seed, count: 3)
    for step in 0..<2_000 {
      // A second deletion, seen by nobody, is more than a Lease can bear: that is for the fence.
      if step == 1_000 { race.delete() }
      try race.step()
      let leaders = race.leaders
      #expect(leaders.count <= 1, "seed \(seed), at \(race.now): \(leaders)")
      guard leaders.count <= 1 else { return }
    }
    #expect(race.terms > 0, "seed \(seed)")
  }

  @Test(arguments: UInt64(1)...50)
  func `when all is well somebody leads, and goes on leading`(seed: UInt64) throws {
    var race = Race(seed: seed, count: 3)
    for _ in 0..<500 { try race.step() }
    race.isCalm = true
    race.advance(by: .seconds(60))
    for _ in 0..<200 { try race.step() }
    let leader = race.leaders
    #expect(leader.count == 1, "seed \(seed)")
    for _ in 0..<500 { try race.step() }
    #expect(race.leaders == leader, "seed \(seed)")
  }
}

/// Candidates of one Lease in a world where everything takes its time.
private struct Race {
  /// What is on its way to a candidate, and when it arrives.
  private struct Delivery {
    var candidate: Int
    var time: Timestamp
    var event: Election.Event
  }
  /// What is on its way to the server.
  private struct Write {
    var candidate: Int
    var time: Timestamp
    var sentAt: Timestamp
    var action: Election.Action
  }

  private(set) var now = Timestamp(milliseconds: 1_800_000_000_000)
  private(set) var terms = 0
  var isCalm = false
  private var chance: SeededGenerator
  private var candidates: [Election] = []
  private var deliveries: [Delivery] = []
  private var writes: [Write] = []
  private var lease: LeaseRecord?
  private var version = 0

  init(seed: UInt64, count: Int) {
    chance = SeededGenerator(seed: seed)
    for index in 0..<count {
      candidates.append(Election(identity: "c\(index)", namespace: "n", name: "l"))
      deliveries.append(Delivery(candidate: index, time: now, event: .ready))
    }
  }

  /// Those whose right holds now.
  var leaders: [Int] {
    candidates.indices.filter { index in candidates[index].until.map { now < $0 } ?? false }
  }

  /// Deletes the Lease, as a person may.
  mutating func delete() { lease = nil }

  mutating func advance(by interval: Interval) { now = now + interval }

  /// Lets the next thing happen.
  mutating func step() throws {
    let delivery = deliveries.indices.min { deliveries[$0].time < deliveries[$1].time }
    let write = writes.indices.min { writes[$0].time < writes[$1].time }
    if let write, delivery.map({ writes[write].time <= deliveries[$0].time }) ?? true {
      try arrive(writes.remove(at: write))
    } else if let delivery {
      deliver(deliveries.remove(at: delivery))
    }
  }

  private mutating func deliver(_ delivery: Delivery) {
    now = max(now, delivery.time)
    let fraction = Double(chance.next() % 100) / 100
    let wasLeading = candidates[delivery.candidate].until != nil
    let actions = candidates[delivery.candidate].handle(
      delivery.event, at: now, fraction: fraction)
    if !wasLeading, candidates[delivery.candidate].until != nil { terms += 1 }
    switch actions.last {
    case .wait(let pause):
      deliveries.append(
        Delivery(candidate: delivery.candidate, time: now + pause + slowness(), event: .ready))
    case .read, .create, .update:
      guard let action = actions.last else { return }
      writes.append(
        Write(
          candidate: delivery.candidate, time: now + slowness(), sentAt: now, action: action))
    case .lead, .stop, nil: break
    }
  }

  private mutating func arrive(_ write: Write) throws {
    now = max(now, write.time)
    var event: Election.Event
    switch write.action {
    case .read: event = .read(lease)
    case .create(let record) where lease == nil: event = try keep(record, write)
    case .create: event = .failed(APIError(.alreadyExists, request: "POST", detail: "d"))
    case .update(let record):
      if lease == nil {
        event = .failed(APIError(.notFound, request: "PUT", detail: "d"))
      } else if record.resourceVersion != lease?.resourceVersion {
        event = .failed(APIError(.conflict, request: "PUT", detail: "d"))
      } else {
        event = try keep(record, write)
      }
    case .wait, .lead, .stop: return
    }
    if !isCalm, chance.next() % 8 == 0 {
      event = .failed(APIError(.noAnswer, request: "", detail: "lost", mayHaveHappened: true))
    }
    deliveries.append(
      Delivery(candidate: write.candidate, time: now + slowness(), event: event))
  }

  private mutating func keep(
    _ record: LeaseRecord, _ write: Write
  ) throws -> Election.Event {
    version += 1
    let body = record.object.body.setting(
      ["metadata", "resourceVersion"], to: .string("\(version)"))
    let kept = try LeaseRecord(KubernetesObject(body))
    lease = kept
    return .written(kept, sentAt: write.sentAt)
  }

  /// Mostly a moment, now and then very long.
  private mutating func slowness() -> Interval {
    guard !isCalm, chance.next() % 12 == 0 else {
      return .milliseconds(Int64(chance.next() % 50))
    }
    return .milliseconds(Int64(chance.next() % 40_000))
  }
}
