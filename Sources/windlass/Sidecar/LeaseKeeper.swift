import WindlassCore

/// Wins the lease of a service's sidecars, renews it, and gives it up.
struct LeaseKeeper: Sendable {
  let coordination: any Coordination
  let clock: any RunClock
  let holder: String

  /// Waits until the lease is this one's.
  ///
  /// - Parameter goesOn: asked before each look.
  /// - Returns: The lease; nil when it is not to go on.
  func win(
    while goesOn: @Sendable () -> Bool, tell: @Sendable (Lease?, StepFailure?) -> Void
  ) async -> Lease? {
    var candidacy = Candidacy(holder: holder)
    while goesOn(), !Task.isCancelled {
      do throws(StepFailure) {
        let seen = try await coordination.read().lease
        tell(seen, nil)
        if case .take(let lease, let before) = candidacy.consider(seen, at: clock.now()),
          try await coordination.take(lease, after: before)
        {
          return lease
        }
      } catch {
        tell(nil, error)
      }
      await clock.sleep(until: clock.now() + Bounds.leaseInterval)
    }
    return nil
  }

  /// Renews the lease until it is lost, or the task is cancelled.
  ///
  /// - Returns: The lease as it was held last; nil when it is another one's, or may be.
  func renew(_ lease: Lease) async -> Lease? {
    var held = lease
    var end = clock.now() + Bounds.leaseRenewalMax
    while !Task.isCancelled {
      await clock.sleep(until: clock.now() + Bounds.leaseInterval)
      guard !Task.isCancelled else { break }
      // The right counts from before the request went out.
      let sentAt = clock.now()
      do throws(StepFailure) {
        let next = held.renewed
        var isHeld = try await coordination.take(next, after: held)
        // A write whose reply was lost may have come through.
        if !isHeld { isHeld = try await coordination.read().lease == next }
        guard isHeld else { return nil }
        held = next
        end = sentAt + Bounds.leaseRenewalMax
      } catch {
        // The database may answer in time for the next.
      }
      guard clock.now() < end else { return nil }
    }
    return held
  }

  /// Lets the next one lead at once; where that fails the lease runs out by itself.
  func release(_ lease: Lease) async {
    _ = try? await coordination.take(lease.released, after: lease)
  }
}
