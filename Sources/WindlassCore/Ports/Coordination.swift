/// The name of one replica of a service, which no other one ever has.
public struct ReplicaID: Identifier {
  public let text: String
  public init(_ text: String) { self.text = text }
}

/// Who leads the sidecars of a service.
public struct Lease: Hashable, Sendable {
  /// The leader; empty when it has given up the lease.
  public var holder: String
  /// Grows with each change of the holder.
  public var term: Int64
  /// Grows with each renewal: that it stands still is all that others may know of a leader's end.
  public var beat: Int64

  public init(holder: String, term: Int64, beat: Int64 = 0) {
    self.holder = holder
    self.term = term
    self.beat = beat
  }
}

/// What is known of one replica: the leader writes its orders, its own sidecar all else.
public struct Slot: Hashable, Sendable {
  public var replica: ReplicaID
  /// Grows with each report.
  public var beat: Int64
  /// What the leader tells its sidecar, as text; empty before the first order.
  public var orders: String
  /// What its sidecar saw last, as text.
  public var report: String

  public init(replica: ReplicaID, beat: Int64, orders: String = "", report: String) {
    self.replica = replica
    self.beat = beat
    self.orders = orders
    self.report = report
  }
}

/// What the sidecars of one service share: a lease, and a slot for each replica.
///
/// No time is in it. Whether a lease or a slot stands still, each looks at by its own clock.
public protocol Coordination: Sendable {
  /// The lease, or nil when nobody ever had it, and then the slots by the names of their replicas.
  func read() async throws(StepFailure) -> (lease: Lease?, slots: [Slot])

  /// Replaces the lease when it is exactly as it was seen; false when it is not, and then nothing
  /// was changed. Of two that have seen the same, one is told true at most; with a failure, nobody
  /// knows before the next reading.
  func take(_ lease: Lease, after seen: Lease?) async throws(StepFailure) -> Bool

  /// Replaces what a sidecar saw in its slot, which is made where it is missing, and lets the slot
  /// beat once.
  ///
  /// - Returns: The slot's orders.
  func report(_ report: String, of replica: ReplicaID) async throws(StepFailure) -> String

  /// Replaces the orders of a slot, in one step with a look at the lease.
  ///
  /// - Throws: `LeaseLost` with `.stop` when holder or term are others by now, and `SlotGone` with
  ///   `.retry` when there is no such slot; nothing was changed then.
  func order(
    _ orders: String, to replica: ReplicaID, under lease: Lease
  ) async throws(StepFailure)

  /// Removes a slot that has not beaten since it was seen, in one step with a look at the lease;
  /// one that has stays as it is.
  ///
  /// - Throws: `LeaseLost` as with an order.
  func remove(_ slot: Slot, under lease: Lease) async throws(StepFailure)
}

extension StepFailure {
  /// Another one leads.
  public static let leaseLost = StepFailure(
    code: "LeaseLost", disposition: .stop,
    message: "another sidecar leads the service by now: nothing was changed. It goes on with what "
      + "is to be done")

  /// There is no slot of that replica.
  public static func slotGone(_ replica: ReplicaID) -> StepFailure {
    StepFailure(
      code: "SlotGone", disposition: .retry,
      message: "the replica \(replica) has no slot, as its sidecar made none or it was let go: "
        + "nothing was changed")
  }
}
