import Synchronization
import WindlassCore

/// A right that ends by itself: to be asked before each thing that only a leader may do.
package final class Leadership: Sendable {
  private let until: Mutex<Timestamp>
  private let clock: any RunClock

  init(until: Timestamp, clock: any RunClock) {
    self.until = Mutex(until)
    self.clock = clock
  }

  /// Whether it holds now, by the own clock; once it has not, it never does again.
  package var holds: Bool { clock.now() < until.withLock { $0 } }

  /// When it ends unless it is renewed.
  var end: Timestamp { until.withLock { $0 } }

  func extend(to time: Timestamp) { until.withLock { $0 = max($0, time) } }

  func revoke() { until.withLock { $0 = Timestamp(milliseconds: .min) } }
}

/// Stands for election, and does a leader's work while it leads.
package actor LeaderElector {
  private let client: KubernetesClient
  private let lease: ObjectReference
  private var election: Election
  /// Told by the work's end or the right's.
  private enum Ending { case work, right }

  /// A candidate for the Lease of that name; the identity must be new for each process.
  package init(
    _ client: KubernetesClient, identity: String, namespace: String, name: String,
    times: Election.Times = .usual
  ) {
    self.client = client
    lease = ObjectReference(.leases, name, in: namespace)
    election = Election(identity: identity, namespace: namespace, name: name, times: times)
  }

  /// Leads whenever it may. The work is cancelled when the right ends and must then end within five
  /// seconds; when it returns by itself, the Lease is given up and so is the candidacy.
  package func run(_ work: @escaping @Sendable (Leadership) async -> Void) async {
    while !Task.isCancelled {
      guard let until = await campaign(nil) else { return }
      let right = Leadership(until: until, clock: client.clock)
      guard await lead(right, work) == .right else { return await release() }
    }
  }

  private func lead(
    _ right: Leadership, _ work: @escaping @Sendable (Leadership) async -> Void
  ) async -> Ending {
    await withTaskGroup(of: Ending.self) { group in
      group.addTask {
        await work(right)
        return .work
      }
      group.addTask {
        _ = await self.campaign(right)
        return .right
      }
      // A renewal that hangs must not keep the right alive.
      group.addTask {
        while right.holds, !Task.isCancelled { await self.client.clock.sleep(until: right.end) }
        return .right
      }
      let first = await group.next() ?? .right
      // Before the work hears of it, so that nothing it begins meanwhile is allowed.
      if first == .right { right.revoke() }
      group.cancelAll()
      await group.waitForAll()
      return Task.isCancelled ? .right : first
    }
  }

  /// Without a right: until one is won, whose end is returned. With one: until it is lost.
  private func campaign(_ right: Leadership?) async -> Timestamp? {
    var event = Election.Event.ready
    while !Task.isCancelled {
      client.recorder.turned(.election)
      let fraction = await client.fraction()
      let actions = election.handle(event, at: client.clock.now(), fraction: fraction)
      for action in actions {
        switch action {
        case .lead(let until):
          guard let right else { return until }
          right.extend(to: until)
          client.recorder.leaseRenewed()
        case .stop: if right != nil { return nil }
        case .read, .create, .update, .wait: break
        }
      }
      guard let last = actions.last else { return nil }
      event = await carryOut(last)
    }
    return nil
  }

  private func carryOut(_ action: Election.Action) async -> Election.Event {
    // The right counts from before the request went out.
    let sentAt = client.clock.now()
    do throws(APIError) {
      switch action {
      case .read: return .read(try await record(client.get(lease, urgency: .urgent)))
      case .create(let record):
        let made = try await client.create(record.object, as: .leases, urgency: .urgent)
        return try written(made, sentAt)
      case .update(let record):
        let made = try await client.replace(record.object, as: .leases, urgency: .urgent)
        return try written(made, sentAt)
      case .wait(let pause):
        await client.clock.sleep(until: sentAt + pause)
        return .ready
      case .lead, .stop: return .ready
      }
    } catch {
      return .failed(error)
    }
  }

  private func written(
    _ object: KubernetesObject, _ sentAt: Timestamp
  ) throws(APIError) -> Election.Event {
    guard let record = try record(object) else { return .read(nil) }
    return .written(record, sentAt: sentAt)
  }

  private func record(_ object: KubernetesObject?) throws(APIError) -> LeaseRecord? {
    guard let object else { return nil }
    do throws(ObjectError) {
      return try LeaseRecord(object)
    } catch {
      throw APIError(.malformedAnswer, request: "GET \(lease)", detail: error.description)
    }
  }

  /// Lets the next one lead at once; where that fails the Lease runs out by itself.
  private func release() async {
    guard let record = election.released(at: client.clock.now()) else { return }
    _ = await carryOut(.update(record))
  }
}
