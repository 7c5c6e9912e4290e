import WindlassCore
import WindlassSimulation

/// A fleet that keeps its contract but for one thing.
struct StrayFleet: Fleet {
  enum Way: WayToStray {
    case seesGhosts, asksNoVersion, startsAgain, callsAllReady, trustsTheOrder, losesExits
    case stopsOnlyTheLiving, dropsTheDead, forgetsTheLiving, failsProbes, passesProbes

    var breaks: [String] {
      switch self {
      case .seesGhosts: ["a fleet that started nothing"]
      case .asksNoVersion: ["a started instance becomes ready"]
      case .startsAgain: ["an id is started once"]
      case .callsAllReady: ["an instance that is never ready"]
      case .trustsTheOrder: ["a version that a server makes up"]
      case .losesExits:
        [
          "an instance that is told to stop", "an instance that ignores SIGTERM",
          "an instance that ends by itself", "an instance that somebody killed",
        ]
      case .stopsOnlyTheLiving: ["stopping what is dead"]
      case .dropsTheDead: ["a dead instance stays"]
      case .forgetsTheLiving: ["a living instance can't"]
      case .failsProbes: ["a good instance passes"]
      case .passesProbes: ["an instance that answers wrongly", "what does not run"]
      }
    }
  }

  private let service: SimulatedService
  private let way: Way

  init(_ service: SimulatedService, _ way: Way) {
    self.service = service
    self.way = way
  }

  func observe() async throws(StepFailure) -> FleetReading {
    var reading = try await service.observe()
    if way == .dropsTheDead { reading.instances.removeAll { $0.life == .dead } }
    if way == .seesGhosts {
      reading.instances.append(
        InstanceReading(id: "ghost", release: Version(1, 0, 0), life: .alive))
    }
    for index in reading.instances.indices {
      switch way {
      case .asksNoVersion: reading.instances[index].reportedVersion = nil
      case .callsAllReady: reading.instances[index].isReady = true
      case .trustsTheOrder:
        reading.instances[index].reportedVersion = "\(reading.instances[index].release)"
      case .losesExits: reading.instances[index].exit = nil
      default: break
      }
    }
    return reading
  }

  func start(_ order: StartOrder) async throws(StepFailure) {
    if way == .startsAgain {
      await service.kill(order.id)
      try await service.forget(order.id)
    }
    try await service.start(order)
  }

  func stop(_ id: InstanceID) async throws(StepFailure) {
    if way == .stopsOnlyTheLiving {
      let reading = try await service.observe().instances.first { $0.id == id }
      guard reading?.life == .alive else {
        throw StepFailure(code: "NoSuchInstance", disposition: .stop, message: "\(id) is not there")
      }
    }
    try await service.stop(id)
  }

  func probe(_ id: InstanceID, with probes: [Probe]) async throws(StepFailure) -> String? {
    switch way {
    case .passesProbes: nil
    case .failsProbes: "wrong"
    default: try await service.probe(id, with: probes)
    }
  }

  func forget(_ id: InstanceID) async throws(StepFailure) {
    if way == .forgetsTheLiving { await service.kill(id) }
    try await service.forget(id)
  }
}
