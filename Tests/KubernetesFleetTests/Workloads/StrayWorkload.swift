import Synchronization
import WindlassContracts
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// A port that breaks its contract in one way.
struct StrayWorkload: WorkloadFleet {
  /// A way to break it; each breaks the sentences that begin so.
  enum Way: CaseIterable {
    case overlooksOne, hidesWhy, hidesRestarts, changesMarks, remembersTheGone, keepsMachines
    case makesUpAbsent, answersForAll, ignoresBounds, boundsAll, writesReplicas, ignoresHolds
    case holdsByMark, keepsHolds, removesSuccessors, removesNothing, hidesEditors, hidesPauses
    case forgetsMarks, repeatsOrders, ignoresEpochs, ignoresTokens, mistakesStates, deniesWrites

    var breaks: [String] {
      switch self {
      case .overlooksOne: ["a reading names every"]
      case .hidesWhy: ["an instance that never gets ready"]
      case .hidesRestarts: ["a process that ended"]
      case .changesMarks: ["readiness that nothing interrupted"]
      case .remembersTheGone: ["an instance whose end nobody saw"]
      case .keepsMachines: ["a machine that is remembered"]
      case .makesUpAbsent: ["a workload that is not there"]
      case .answersForAll: ["only instances that are there"]
      case .ignoresBounds: ["a wave is bounded", "a wave that never gets ready"]
      case .boundsAll: ["an order without a bound"]
      case .writesReplicas: ["a number that its owner wants"]
      case .ignoresHolds: ["a hold stops the replacing"]
      case .holdsByMark: ["a hold amid a whole order"]
      case .keepsHolds: ["a retreat brings"]
      case .removesSuccessors: ["an instance is removed under the id"]
      case .removesNothing: ["an instance that an order names"]
      case .hidesEditors: ["what somebody else changes"]
      case .hidesPauses: ["a pause of somebody else"]
      case .forgetsMarks: ["an order leaves its mark"]
      case .repeatsOrders: ["an order that is in force already"]
      case .ignoresEpochs: ["an order of an older epoch"]
      case .ignoresTokens:
        [
          "an order decided on another state", "an order decided before somebody else's",
          "an order decided before another number",
        ]
      case .mistakesStates: ["an order decided before a controller"]
      case .deniesWrites: ["an order whose reply was lost"]
      }
    }

    /// The kind on which it shows.
    var kind: WorkloadKind { .deployment }

    static func breaking(_ sentence: String) -> Way? {
      allCases.first { $0.breaks.contains { sentence.hasPrefix($0) } }
    }
  }

  let port: ClusterWorkload
  let world: WorkloadWorld
  let way: Way

  func observe(
    remembering machines: Set<String>
  ) async throws(StepFailure) -> WorkloadReading {
    var reading: WorkloadReading
    do throws(StepFailure) {
      reading = try await port.observe(
        remembering: way == .keepsMachines ? [] : machines)
    } catch {
      guard way == .makesUpAbsent else { throw error }
      return WorkloadReading(
        instances: [], template: WorkloadTemplate(build: nil, revision: ""), desired: 0, token: "",
        asOf: world.clock.now())
    }
    distort(&reading)
    return reading
  }

  private func distort(_ reading: inout WorkloadReading) {
    switch way {
    case .overlooksOne: reading.instances.removeLast()
    case .hidesWhy: for index in reading.instances.indices { reading.instances[index].detail = "" }
    case .hidesRestarts:
      for index in reading.instances.indices { reading.instances[index].restarts = 0 }
    case .changesMarks:
      for index in reading.instances.indices {
        reading.instances[index].readinessMark += reading.asOf.rfc3339
      }
    case .remembersTheGone:
      reading.instances.append(WorkloadInstance(id: "gone:1", build: nil, life: .dead))
    case .ignoresHolds: reading.hold = nil
    case .hidesEditors: reading.template.editor = nil
    case .hidesPauses: reading.hold = nil
    case .forgetsMarks: reading.template.mark = nil
    case .mistakesStates: reading.token = WorkloadToken(reading.token.text + reading.asOf.rfc3339)
    case .keepsMachines, .makesUpAbsent, .answersForAll, .ignoresBounds, .boundsAll,
      .writesReplicas, .holdsByMark, .keepsHolds, .removesSuccessors, .removesNothing,
      .repeatsOrders, .ignoresEpochs, .ignoresTokens, .deniesWrites:
      break
    }
  }

  func write(_ order: WorkloadOrder) async throws(StepFailure) {
    var order = order
    switch way {
    case .ignoresBounds:
      if case .wave(var bound) = order.aim {
        bound.surge += 2
        order.aim = .wave(bound)
      }
    case .boundsAll:
      if order.aim == .whole {
        order.aim = .wave(WaveBound(good: 0, surge: 1, unavailable: 0))
      }
    case .writesReplicas: await world.update(["spec": ["replicas": 3]])
    case .holdsByMark: if order.aim == .hold { return }
    case .keepsHolds: if order.aim == .retreat { order.aim = .hold }
    case .removesSuccessors:
      order.removing = await world.pods().map { PodIdentity($0).instance }
    case .removesNothing: order.removing = []
    case .repeatsOrders:
      order.id = EffectID("\(order.id)-\(world.clock.now().milliseconds)")
      order.token = try await port.observe(remembering: []).token
    case .ignoresEpochs: order.epoch = Epoch(100)
    case .ignoresTokens: order.token = try await port.observe(remembering: []).token
    case .deniesWrites:
      throw StepFailure(code: "Denied", disposition: .retry, message: "It was not written.")
    case .overlooksOne, .hidesWhy, .hidesRestarts, .changesMarks, .remembersTheGone,
      .keepsMachines, .makesUpAbsent, .answersForAll, .ignoresHolds, .hidesEditors, .hidesPauses,
      .forgetsMarks, .mistakesStates:
      break
    }
    if way == .ignoresTokens || way == .writesReplicas {
      order.token = try await port.observe(remembering: []).token
    }
    try await port.write(order)
  }

  func probe(
    _ wave: [InstanceID], with probes: [Probe]
  ) async throws(StepFailure) -> [ProbeAnswer] {
    guard way == .answersForAll else { return try await port.probe(wave, with: probes) }
    return wave.map { ProbeAnswer(id: $0, reportedVersion: nil) }
  }
}
