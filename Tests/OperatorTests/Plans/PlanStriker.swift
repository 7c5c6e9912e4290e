import SimulatedCluster
import Synchronization
import WindlassCore
import WindlassSimulation

@testable import KubernetesFleet

/// Carries out a plan in a world, once, when its place comes.
final class PlanStriker: Sendable {
  /// How long what the next operator is told is old.
  private static let lag = Interval.seconds(25)

  private struct State {
    var hasStruck = false
    /// The version of the event before which lists are to be.
    var version: Int64?
    /// The operator for whom lists are old, and until when.
    var misled: (identity: String, until: Timestamp)?
  }

  private let plan: OperatorPlan
  private let world: OperatorWorld
  private let state = Mutex(State())

  init(_ plan: OperatorPlan, in world: OperatorWorld) {
    self.plan = plan
    self.world = world
  }

  /// Whether its place came.
  var hasStruck: Bool { state.withLock { $0.hasStruck } }

  /// What the world is to be told.
  var interference: Interference {
    Interference(
      reply: { [self] request, process in reply(request, process) },
      event: { [self] event, process in self.event(event, process) })
  }

  private func reply(
    _ request: SeenRequest, _ process: OperatorProcess
  ) -> Interference.ReplyFate {
    switch plan.fault {
    case .kill(after: request): if strike() { replace(process) }
    case .loseReply(to: request): return strike() ? .isLost : .arrives
    case .rewind(before: let event, after: request):
      guard let version = state.withLock({ $0.version }), strike() else { break }
      replace(process, misledAbout: event, before: version)
    case .kill, .loseReply, .skip, .rewind: break
    }
    return .arrives
  }

  private func event(
    _ event: SeenEvent, _ process: OperatorProcess
  ) -> Interference.EventFate {
    switch plan.fault {
    case .skip(event.place): return strike() ? .isSkipped : .arrives
    case .rewind(before: event.place, _):
      state.withLock { if $0.version == nil { $0.version = event.version } }
    case .kill, .loseReply, .skip, .rewind: break
    }
    guard case .rewind(let before, _) = plan.fault, before.watch == event.watch,
      !event.isInitial, let misled = state.withLock({ $0.misled }),
      misled.identity == process.identity
    else { return .arrives }
    let rest = misled.until - world.time.now()
    return rest > .zero ? .isLate(rest) : .arrives
  }

  private func strike() -> Bool {
    state.withLock { state in
      defer { state.hasStruck = true }
      return !state.hasStruck
    }
  }

  /// Kills an operator and starts another one.
  private func replace(_ process: OperatorProcess) {
    process.kill()
    // An operator can be started whatever the world is like.
    _ = try? world.startOperator()
  }

  private func replace(
    _ process: OperatorProcess, misledAbout event: SeenEvent, before version: Int64
  ) {
    process.kill()
    let (world, resource) = (world, String(event.watch.prefix { $0 != " " }))
    let until = world.time.now() + Self.lag
    let identity = "operator-\(world.operators.count + 1)"
    state.withLock { $0.misled = (identity, until) }
    Task(executorPreference: world.time) {
      let fault = ClusterFault(
        .rewind(version: version - 1), verbs: ["watch"], resource: resource, user: identity)
      await world.host.change { $0.faults = FaultPlan([fault]) }
      _ = try? world.startOperator()
      await world.time.sleep(until: until)
      await world.host.change { $0.faults = FaultPlan() }
    }
  }
}
