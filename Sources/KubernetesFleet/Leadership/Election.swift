package import WindlassCore

/// Decides who may try to lead, by a Lease.
///
/// Pure. Times of the Lease are never compared with a clock: what counts is how long, by one's own
/// clock, the Lease has not changed, and when one's own last renewal was *sent*. With clocks of the
/// same rate no two lead at once; with others they may, and what can't be undone is guarded by the
/// fence in the database.
package struct Election: Hashable, Sendable {
  /// The times of an election.
  package struct Times: Hashable, Sendable {
    /// How long others wait for a holder that says nothing.
    package let lease: Interval
    /// How long a holder goes on without a renewal; the rest is for ending what it does.
    package let renewal: Interval
    /// The pause between two attempts.
    package let retry: Interval

    /// The usual times: a deposed leader has five seconds to stop everything.
    package static let usual = Times()

    private init() {
      lease = .seconds(15)
      renewal = .seconds(10)
      retry = .seconds(2)
    }

    /// Times that leave room between each other; nil for others.
    package init?(lease: Interval, renewal: Interval, retry: Interval) {
      guard lease >= .seconds(1), lease > renewal, retry > .zero,
        renewal.milliseconds * 10 > retry.milliseconds * 12
      else { return nil }
      self.lease = lease
      self.renewal = renewal
      self.retry = retry
    }
  }

  /// What happened.
  package enum Event: Hashable, Sendable {
    /// The beginning, or the end of a pause.
    case ready
    /// What the server has; nil when there is no Lease.
    case read(LeaseRecord?)
    /// A write was taken, which was sent at that time.
    case written(LeaseRecord, sentAt: Timestamp)
    /// A read or write failed, or its fate is unclear.
    case failed(APIError)
  }

  /// What is to be done. The last of several is one of the first four.
  package enum Action: Hashable, Sendable {
    case read
    case create(LeaseRecord)
    case update(LeaseRecord)
    case wait(Interval)
    /// Leadership holds until that time, by one's own clock.
    case lead(until: Timestamp)
    /// Leadership is over.
    case stop
  }

  private let identity: String
  private let namespace: String
  private let name: String
  private let times: Times
  /// The Lease as it was seen last, and when it was first seen so.
  private var seen: LeaseRecord?
  private var seenAt = Timestamp(milliseconds: 0)
  /// Since when there was no Lease.
  private var absentSince: Timestamp?
  /// Until when leadership holds; nil while another one leads.
  package private(set) var until: Timestamp?

  /// A candidate. The identity is that of one process that lives: a name that is used again after a
  /// restart would take itself for its predecessor.
  package init(identity: String, namespace: String, name: String, times: Times = .usual) {
    self.identity = identity
    self.namespace = namespace
    self.name = name
    self.times = times
  }

  /// Takes in what happened and says what to do; `fraction` is chance, from 0 up to 1.
  package mutating func handle(
    _ event: Event, at now: Timestamp, fraction: Double
  ) -> [Action] {
    let ended: [Action] = expire(now) ? [.stop] : []
    switch event {
    case .ready:
      // Who leads need not ask whether he does: his write says so.
      guard until != nil, let seen else { return ended + [.read] }
      return ended + [.update(renewed(seen, now))]
    case .read(let record): return ended + consider(record, now, fraction)
    case .written(let record, let sentAt):
      note(record, now)
      guard record.holder == identity, sentAt + times.renewal > now else {
        return ended + [pause(fraction)]
      }
      until = sentAt + times.renewal
      return ended + [.lead(until: sentAt + times.renewal), pause(fraction)]
    case .failed(let error):
      // Somebody has written, or the write came through after all: look before the next one.
      if error.code == .conflict || error.code == .alreadyExists || error.mayHaveHappened
        || error.code == .notFound
      {
        seen = until == nil ? seen : nil
      }
      // What was not seen without a gap may have been there in between.
      absentSince = nil
      return ended + [pause(fraction)]
    }
  }

  /// The Lease as its holder gives it up, for after all guarded work has ended; nil when it is not
  /// his.
  package func released(at now: Timestamp) -> LeaseRecord? {
    guard until != nil, var record = seen, record.holder == identity else { return nil }
    record.holder = ""
    record.duration = .seconds(1)
    record.renewTime = now.microTime
    return record
  }

  // MARK: - Rules

  private mutating func consider(
    _ record: LeaseRecord?, _ now: Timestamp, _ fraction: Double
  ) -> [Action] {
    guard let record else { return considerAbsence(now, fraction) }
    absentSince = nil
    note(record, now)
    if record.holder == identity { return [.update(renewed(record, now))] }
    var actions: [Action] = []
    if until != nil {
      until = nil
      actions.append(.stop)
    }
    guard record.holder.isEmpty || now - seenAt >= max(record.duration, times.lease) else {
      return actions + [pause(fraction)]
    }
    var taken = record
    taken.holder = identity
    taken.duration = times.lease
    taken.acquireTime = now.microTime
    taken.renewTime = now.microTime
    taken.transitions += 1
    return actions + [.update(taken)]
  }

  /// Somebody may have deleted the Lease under its holder, who goes on for a while without it: the
  /// others wait as they would for a silent one. So the very first leader comes late, once.
  private mutating func considerAbsence(_ now: Timestamp, _ fraction: Double) -> [Action] {
    let since = absentSince ?? now
    absentSince = since
    seen = nil
    guard until != nil || now - since >= times.lease else { return [pause(fraction)] }
    return [
      .create(
        LeaseRecord(
          namespace: namespace, name: name, holder: identity, duration: times.lease, at: now))
    ]
  }

  private func renewed(_ record: LeaseRecord, _ now: Timestamp) -> LeaseRecord {
    var renewed = record
    renewed.duration = times.lease
    renewed.renewTime = now.microTime
    return renewed
  }

  private mutating func note(_ record: LeaseRecord, _ now: Timestamp) {
    if seen != record { seenAt = now }
    seen = record
  }

  private mutating func expire(_ now: Timestamp) -> Bool {
    guard let until, now >= until else { return false }
    self.until = nil
    return true
  }

  /// Up to a fifth longer each time, so that candidates do not come together.
  private func pause(_ fraction: Double) -> Action {
    .wait(times.retry + .milliseconds(Int64(Double(times.retry.milliseconds) * fraction / 5)))
  }
}
