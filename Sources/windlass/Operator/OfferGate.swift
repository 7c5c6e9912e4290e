import KubernetesFleet
import Synchronization
import WindlassCore
import WindlassEngine

/// Hands a service's manifests on to its operator: at once where no run can come of it, or where
/// the service is at work already, and else when it is its turn.
///
/// What waits here holds nothing up: decisions, wishes and readings reach the operator meanwhile.
final class OfferGate: Sendable {
  private let service: String
  private let receiver: ServiceOperator
  private let turns: RunTurns
  private let pace: ServicePace
  /// The newest offer that waits.
  private let held = Mutex<Offer?>(nil)
  private let news = Signal()

  /// - Parameter service: The uid by which it takes turns.
  init(
    _ service: String, to receiver: ServiceOperator, _ turns: RunTurns, _ pace: ServicePace
  ) {
    self.service = service
    self.receiver = receiver
    self.turns = turns
    self.pace = pace
  }

  /// Takes an offer in; one that waits is replaced by it.
  func take(_ offer: Offer) {
    let waits = mayOpenRun(offer)
    held.withLock { $0 = waits ? offer : nil }
    guard waits else { return receiver.offer(offer) }
    news.send()
  }

  /// Hands on what waits, until the task is cancelled.
  func run() async {
    while !Task.isCancelled {
      let seen = news.count
      guard held.withLock({ $0 }) != nil else {
        await news.wait(after: seen)
        continue
      }
      pace.holdTurn(true)
      defer { pace.holdTurn(false) }
      do throws(StepFailure) {
        try await turns.take(service)
      } catch {
        // Called away, which does not concern what waits here.
        await Task.yield()
        continue
      }
      let offer = held.withLock { held in
        defer { held = nil }
        return held
      }
      if let offer { receiver.offer(offer) }
    }
  }

  private func mayOpenRun(_ offer: Offer) -> Bool {
    let record = receiver.snapshot.record
    guard record.run == nil, !turns.isTurn(of: service) else { return false }
    guard let deployed = record.deployed else { return true }
    return offer.releases.contains { $0.version > deployed.version }
  }
}
