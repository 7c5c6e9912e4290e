import Synchronization
import WindlassCore
import WindlassEngine

@testable import KubernetesFleet

/// Has the first operator of a world stand still and go on as a plan says, and keeps when the
/// second one took over.
final class StandstillWatch: Sendable {
  /// Longer than a right to lead lasts after its last renewal, and shorter than others wait.
  private static let leap = Interval.seconds(11)

  private struct State {
    var failpoints: [Standstill.Failpoint] = []
    var hasStruck = false
    var hasActed = false
    /// How much traffic there was before the second operator had the Lease.
    var takeover: Int?
  }

  private let plan: Standstill?
  private let history: TrafficHistory
  private let time: VirtualTime
  private let first = Mutex<OperatorProcess?>(nil)
  private let state = Mutex(State())

  /// - Parameter plan: Nil to look only.
  init(_ plan: Standstill?, in world: OperatorWorld) {
    self.plan = plan
    history = world.history
    time = world.time
  }

  /// The failpoints that the first operator met.
  var failpoints: [Standstill.Failpoint] { state.withLock { $0.failpoints } }

  /// Whether the first operator came to its place.
  var hasStruck: Bool { state.withLock { $0.hasStruck } }

  /// How much traffic there was before the second operator had the Lease; nil until then.
  var takeover: Int? { state.withLock { $0.takeover } }

  // MARK: - What it is told

  /// The first operator meets a failpoint.
  func firstMeets(_ name: String, _ moment: FailpointMoment, _ process: OperatorProcess) {
    let met = state.withLock { state in
      let number = 1 + state.failpoints.count { $0.name == name && $0.moment == moment }
      let met = Standstill.Failpoint(name: name, moment: moment, number: number)
      state.failpoints.append(met)
      return met
    }
    switch plan?.place {
    case .at(met)?: strike(process, showing: time.now() + Self.leap)
    case .behind(met)?: strike(process)
    case .at, .behind, .sending, nil: break
    }
  }

  /// The second operator meets one.
  func secondMeets(_ name: String, _ moment: FailpointMoment, _ process: OperatorProcess) {
    let isFirst = state.withLock { state in
      defer { state.hasActed = true }
      return !state.hasActed
    }
    if isFirst, plan?.end == .nextActs { goOn() }
    if plan?.end == .nextHasFence, name == "fence", moment == .after { goOn() }
  }

  /// What the world is to be told.
  var interference: Interference {
    Interference(
      request: { [self] request, process in
        if case .sending(request)? = plan?.place { strike(process) }
        return .arrives
      },
      reply: { [self] request, process in
        guard request.verb == "update", request.resource.hasPrefix("leases."),
          first.withLock({ $0.map { $0 !== process } ?? false })
        else { return .arrives }
        let isTakeover = state.withLock { state in
          defer { state.takeover = state.takeover ?? history.entries.count }
          return state.takeover == nil
        }
        if isTakeover, plan?.end == .nextLeads { goOn() }
        return .arrives
      })
  }

  /// Lets the first operator go on, if it stands still.
  func goOn() { first.withLock { $0 }?.thaw() }

  private func strike(_ process: OperatorProcess, showing floor: Timestamp? = nil) {
    let isFirst = state.withLock { state in
      defer { state.hasStruck = true }
      return !state.hasStruck
    }
    guard isFirst else { return }
    first.withLock { $0 = process }
    process.freeze(showing: floor)
  }
}
