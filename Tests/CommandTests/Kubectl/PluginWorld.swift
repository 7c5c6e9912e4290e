import ArgumentParser
import Foundation
import KubernetesFleet
import SimulatedCluster
import Synchronization
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import windlass

/// A simulated cluster with the ManagedService `shop/beacon`, and the plug-in's view of it.
final class PluginWorld: Sendable {
  let host: ClusterHost
  let clock = LookedAfterClock()
  /// Stands in for the operator; looks whenever somebody waits.
  let office: OperatorOffice

  /// - Parameter services: The ManagedServices of the namespace `shop`.
  init(_ services: [String] = ["beacon"]) async throws {
    var server = SimulatedAPIServer(at: clock.now())
    server.addAdministrator("admin", token: "admin-token")
    server.createNamespace("shop")
    host = ClusterHost(server, clock: clock)
    let client = try PluginWorld.client(ClusterTransport(host), clock, manager: "windlass")
    for definition in ResourceDefinition.all {
      _ = try await client.create(KubernetesObject(definition.json), as: .definitions)
    }
    // The server serves what is defined a moment later.
    await clock.sleep(until: clock.now() + .seconds(10))
    for service in services {
      _ = try await client.create(PluginWorld.document(service), as: .managedServices)
    }
    office = OperatorOffice(client, clock)
  }

  private static func client(
    _ carrier: any HTTPTransport, _ clock: LookedAfterClock, manager: String,
    token: String = "admin-token"
  ) throws -> KubernetesClient {
    let config = Kubeconfig(server: "http://simulated.invalid", token: Secret(token))
    return KubernetesClient(
      try ClusterAccess(config), fieldManager: manager, clock: clock, plugins: NoPlugins(),
      bucket: TokenBucket(perSecond: 10_000, burst: 10_000),
      transport: { _ throws(HTTPError) in carrier })
  }

  /// The cluster as the plug-in reaches it.
  ///
  /// - Parameter answer: What the person at the terminal says; nil where there is none.
  func reached(
    as token: String = "admin-token", answer: Bool? = nil, in namespace: String = "shop",
    wrap: (any HTTPTransport)? = nil
  ) throws -> ReachedCluster {
    ReachedCluster(
      client: try PluginWorld.client(
        wrap ?? ClusterTransport(host), clock, manager: ReachedCluster.manager, token: token),
      namespace: namespace, clock: clock, makeID: { "\($0.rawValue)-0123456789abc" },
      ask: { _ in answer })
  }

  /// Runs a command, and returns how it ended and what it wrote.
  func run(
    _ words: [String], on cluster: ReachedCluster? = nil
  ) async throws -> (status: ExitStatus, text: String) {
    let capture = try Capture(isJSON: FormatOptions.isJSON(words))
    let status: ExitStatus
    do {
      let command = try KubectlPlugin.parseAsRoot(words)
      let plugin = command as? any KubectlCommand
      guard let plugin else { return (.usage, "\(command)") }
      status = try await plugin.perform(capture.output, on: try cluster ?? reached())
    } catch {
      let failure = CommandFailure(error)
      capture.output.failure(failure)
      status = failure.status
    }
    return (status, try capture.text)
  }

  func object(
    _ type: KubernetesFleet.ResourceType = .managedServices, _ name: String = "beacon"
  ) async throws -> KubernetesObject? {
    try await reached().client.get(ObjectReference(type, name, in: "shop"))
  }

  /// Applies a wish as a repository of manifests does.
  func apply(_ spec: JSONValue) async throws {
    let client = try PluginWorld.client(ClusterTransport(host), clock, manager: "argocd")
    _ = try await client.apply(
      KubernetesObject([
        "apiVersion": "windlass.dev/v1alpha1", "kind": "ManagedService",
        "metadata": ["name": "beacon", "namespace": "shop"], "spec": spec,
      ]), as: .managedServices, ownership: .taken)
  }

  /// Changes an object as somebody else does.
  func change(
    _ value: JSONValue, _ type: KubernetesFleet.ResourceType = .managedServices,
    _ name: String = "beacon"
  ) async throws {
    let client = try PluginWorld.client(ClusterTransport(host), clock, manager: "argocd")
    _ = try await client.patch(ObjectReference(type, name, in: "shop"), .merge(value))
  }

  private static func document(_ name: String) -> KubernetesObject {
    KubernetesObject([
      "apiVersion": "windlass.dev/v1alpha1", "kind": "ManagedService",
      "metadata": ["name": .string(name), "namespace": "shop"],
      "spec": [
        "source": [
          "manifest": [
            "url": "https://releases.example/beacon.json", "service": "beacon",
            "publicKeys": [.string("RWQ" + String(repeating: "a", count: 53))],
          ]
        ],
        "database": [
          "urlFrom": ["secretKeyRef": ["name": "beacon-db", "key": "url"]], "engine": "postgres",
          "inject": ["env": "BEACON_DB"],
        ],
        "backup": ["volumeClaim": "beacon-backups"],
        "fleet": ["deployment": ["name": "beacon", "container": "server"]],
      ],
    ])
  }
}

/// Runs no plug-in for credentials.
struct NoPlugins: PluginRunner {
  func run(
    _ plugin: Kubeconfig.Plugin, information: String
  ) async throws(AccessError) -> [UInt8] {
    throw AccessError(.pluginFailed, "There are no plug-ins here.")
  }
}

/// A clock that jumps to whatever it is asked to wait for, and lets the operator look meanwhile.
final class LookedAfterClock: RunClock {
  private let time = Mutex(Timestamp(milliseconds: 1_800_000_000_000))
  private let turn = Mutex<(@Sendable () async -> Void)?>(nil)

  /// Sets what is done whenever somebody waits.
  func look(_ body: @escaping @Sendable () async -> Void) { turn.withLock { $0 = body } }

  func now() -> Timestamp { time.withLock { $0 } }

  func sleep(until due: Timestamp) async {
    time.withLock { $0 = max($0, due) }
    // Taken out meanwhile: who looks may wait as well.
    guard
      let body = turn.withLock({ turn in
        defer { turn = nil }
        return turn
      })
    else { return await Task.yield() }
    await body()
    turn.withLock { $0 = $0 ?? body }
  }
}

/// The operator's desk, journal and core, without anything to carry effects out by.
actor OperatorOffice {
  private let client: KubernetesClient
  private let clock: LookedAfterClock
  private let desk: ServiceDesk
  private let journal: ClusterJournal
  private(set) var state: ServiceState
  /// What was handed over so far.
  private(set) var deliveries: [DecisionDelivery] = []
  /// What went wrong at a look.
  private(set) var failures: [String] = []

  init(_ client: KubernetesClient, _ clock: LookedAfterClock) {
    self.client = client
    self.clock = clock
    desk = ServiceDesk(client, service: "beacon", in: "shop")
    journal = ClusterJournal(client, in: "shop")
    state = ServiceState(record: ServiceRecord(policy: ServicePolicy(service: "beacon")))
  }

  /// Goes through states, shows the last, and from then on looks whenever somebody waits.
  func open(_ records: [ServiceRecord], offer: Offer? = nil, trouble: StepFailure? = nil)
    async throws
  {
    state.watch.offer = offer
    for record in records { try await become(record) }
    try await show(trouble: trouble)
    clock.look { await self.look() }
  }

  /// Goes on to a state without anybody's decision.
  func become(_ record: ServiceRecord) async throws {
    let old = state.record
    state.record = record
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    _ = try await journal.append(
      JournalRecord(
        service: "beacon", run: (record.run ?? old.run)?.plan.run, kind: .state,
        effect: record.inFlight?.id, at: clock.now(),
        payload: String(decoding: try encoder.encode(record), as: UTF8.self)))
  }

  private func look() async {
    do {
      try await show()
    } catch {
      failures.append("\(error)")
    }
  }

  private func show(trouble: StepFailure? = nil) async throws {
    let found = try await client.get(ObjectReference(.managedServices, "beacon", in: "shop"))
    guard let found else { return }
    let feed = FeedReport(isFetched: true, reason: "Fetched", message: "serial 3")
    let news = StatusNews(
      state: state, feed: feed, generation: found.generation, trouble: trouble, now: clock.now())
    let turn = try await desk.turn(found, news, isIdle: true, journal: journal)
    for delivery in turn.deliveries {
      deliveries.append(delivery)
      _ = try await journal.append(
        JournalRecord(
          service: "beacon", run: state.record.run?.plan.run, kind: .decision, at: clock.now(),
          payload: delivery.note))
      let next = step(state, Observation(decisions: [delivery.decision]), now: clock.now())
      if next.state.record != state.record { try await become(next.state.record) }
      state = next.state
    }
  }
}

/// Carries requests, and lets something happen before the first change, or loses its answer.
final class DisturbedTransport: HTTPTransport {
  private let carrier: any HTTPTransport
  private let before: @Sendable () async -> Void
  private let losesAnswer: Bool
  private let changes = Mutex(0)

  init(
    _ host: ClusterHost, losesAnswer: Bool = false,
    before: @escaping @Sendable () async -> Void = {}
  ) {
    carrier = ClusterTransport(host)
    self.losesAnswer = losesAnswer
    self.before = before
  }

  /// How many changes were sent.
  var count: Int { changes.withLock { $0 } }

  func send(
    _ request: HTTPRequest, limits: HTTPLimits
  ) async throws(HTTPError) -> HTTPResponse {
    guard request.method != "GET" else { return try await carrier.send(request, limits: limits) }
    let isFirst = changes.withLock { count in
      count += 1
      return count == 1
    }
    if isFirst { await before() }
    let answer = try await carrier.send(request, limits: limits)
    if isFirst, losesAnswer { throw HTTPError(.truncated, "the answer was lost") }
    return answer
  }

  func stream(
    _ request: HTTPRequest, limits: HTTPLimits,
    into sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
  ) async throws(HTTPError) -> HTTPResponse {
    try await carrier.stream(request, limits: limits, into: sink)
  }
}
