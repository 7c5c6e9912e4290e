import CurlTransport
import Synchronization
import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet
@testable import SimulatedCluster

/// Services over real sockets.
@Suite(.serialized)
struct ServiceProxyTests {
  /// What became of the requests.
  private final class Tally: Sendable {
    struct State {
      var asked = 0
      var lost = 0
      var isDone = false
    }
    let state = Mutex(State())
  }

  private static func pod(_ version: String, preStop seconds: Int64) -> JSONValue {
    let address: JSONValue = [
      ["name": "IP", "valueFrom": ["fieldRef": ["fieldPath": "status.podIP"]]]
    ]
    return [
      "terminationGracePeriodSeconds": 20,
      "containers": [
        [
          "name": "server", "image": .string("registry.example.com/server:\(version)"),
          "args": ["--address", "$(IP)", "--port", "8080"], "env": address,
          "ports": [["name": "http", "containerPort": 8080]],
          "lifecycle": ["preStop": ["sleep": ["seconds": .integer(seconds)]]],
          "readinessProbe": [
            "httpGet": ["path": "/healthz", "port": "http"], "periodSeconds": 1,
            "failureThreshold": 1,
          ],
        ]
      ],
    ]
  }

  private static func deployment(_ version: String, preStop seconds: Int64) -> JSONValue {
    [
      "spec": [
        "replicas": 2, "selector": ["matchLabels": ["app": "web"]],
        "strategy": ["rollingUpdate": ["maxUnavailable": 0, "maxSurge": 1]],
        "template": [
          "metadata": ["labels": ["app": "web"]], "spec": pod(version, preStop: seconds),
        ],
      ]
    ]
  }

  @Test func `no request is lost in a roll whose pods outlast the endpoints`() async throws {
    try await NodeWorld.with(lag: .seconds(1)) { world in
      let services = ResourceType(plural: "services", kind: "Service")
      let service = try await world.create(
        services, "web",
        ["spec": ["selector": ["app": "web"], "ports": [["port": 8080, "targetPort": "http"]]]])
      let address = try #require(service.body.value(at: "/spec/clusterIP")?.string)
      try await world.create(.deployments, "web", Self.deployment("v1", preStop: 3))
      let ready = { (object: JSONValue) in
        object.value(at: "/status/readyReplicas") == 2
          && object.value(at: "/status/updatedReplicas") == 2
          && object.value(at: "/status/replicas") == 2
          && object.value(at: "/status/observedGeneration")
            == object.value(at: "/metadata/generation")
      }
      try await world.wait(.deployments, "web", within: 60, until: ready)
      let transport = try CurlTransport(security: HTTPSecurity())
      let limits = HTTPLimits(bodySizeMax: 1 << 20, deadline: .seconds(10), keepsConnection: false)
      let url = "http://\(address):8080/healthz"
      let ask = { @Sendable in
        (try? await transport.send(HTTPRequest(url: url), limits: limits))?.status
      }
      // The route is there a moment after the endpoints.
      let end = world.clock.now() + .seconds(20)
      while await ask() != 200, world.clock.now() < end {
        await world.clock.sleep(until: world.clock.now() + .milliseconds(50))
      }
      let tally = Tally()
      try await withThrowingTaskGroup(of: Void.self) { group in
        group.addTask {
          while !tally.state.withLock({ $0.isDone }) {
            let status = await ask()
            tally.state.withLock { state in
              state.asked += 1
              if status != 200 { state.lost += 1 }
            }
            await world.clock.sleep(until: world.clock.now() + .milliseconds(5))
          }
        }
        _ = try await world.client.patch(
          ObjectReference(.deployments, "web", in: "shop"),
          .strategic(Self.deployment("v2", preStop: 3)))
        try await world.wait(.deployments, "web", within: 90, until: ready)
        let pods = try await world.client.list(Selection(.pods, in: "shop")).objects
        #expect(
          pods.filter { !$0.isDeleting }.allSatisfy {
            $0.body.value(at: "/spec/containers/0/image") == "registry.example.com/server:v2"
          })
        await world.clock.sleep(until: world.clock.now() + .seconds(4))
        tally.state.withLock { $0.isDone = true }
        try await group.waitForAll()
      }
      let (asked, lost) = tally.state.withLock { ($0.asked, $0.lost) }
      #expect(lost == 0, "\(lost) of \(asked) requests were lost")
      #expect(asked > 10)
    }
  }

  private static func pod(_ name: String, isReady: Bool) -> JSONValue {
    [
      "metadata": ["name": .string(name), "uid": .string("u-\(name)")],
      "spec": ["nodeName": "node-a"],
      "status": [
        "phase": "Running", "podIP": "127.1.2.3",
        "conditions": [["type": "Ready", "status": isReady ? "True" : "False"]],
      ],
    ]
  }

  @Test func `a loss is told late, and what comes at once`() {
    var table = EndpointTable()
    var lag = EndpointLag(.seconds(2))
    let start = Timestamp(milliseconds: 1_000_000)
    let update = { (pods: [(String, Bool)], second: Int64) in
      let (found, again) = table.update(
        pods.map { Self.pod($0.0, isReady: $0.1) }, at: start + .seconds(second), lag: &lag)
      return (states: found.map { "\($0.pod) \($0.isReady)" }, again: again)
    }
    #expect(update([("a", true)], 0).states == ["a true"])
    let late = update([("a", false), ("b", true)], 1)
    #expect(late.states == ["a true", "b true"])
    #expect(late.again == start + .seconds(3))
    let told = update([("a", false), ("b", true)], 3)
    #expect(told.states == ["a false", "b true"])
    let gone = update([("b", true)], 4)
    #expect(gone.states == ["b true"])
    #expect(gone.again == nil)
    // One that is ready again before its loss was told was never lost.
    _ = update([("b", false)], 5)
    let back = update([("b", true)], 6)
    #expect(back.states == ["b true"])
    #expect(back.again == nil)
  }

  @Test func `each loss is told as late as it is drawn, the same way for the same seed`() {
    let lags = { (seed: UInt64) -> [Int64] in
      var lag = EndpointLag(.zero ... .seconds(5), seed: seed)
      var table = EndpointTable()
      return (Int64(0)..<50).map { number in
        let start = Timestamp(milliseconds: 1_000_000 * (number + 1))
        _ = table.update([Self.pod("\(number)", isReady: true)], at: start, lag: &lag)
        let again = table.update([], at: start, lag: &lag).again ?? start
        _ = table.update([], at: again, lag: &lag)
        return (again - start).milliseconds
      }
    }
    #expect(lags(7) == lags(7))
    #expect(lags(7) != lags(8))
    #expect(lags(7).allSatisfy { (0...5_000).contains($0) })
    // A share of them in each half.
    #expect(lags(7).count { $0 < 2_500 } > 10 && lags(7).count { $0 > 2_500 } > 10)
  }

  @Test(
    arguments: [
      ("2s", 2_000...2_000), ("0s-5s", 0...5_000), ("250ms-1m", 250...60_000), ("5s-0s", nil),
      ("0s-61s", nil), ("5", nil), ("1s-2s-3s", nil), ("-5s", nil), ("", nil),
    ] as [(String, ClosedRange<Int64>?)])
  func `a lag on the command line is one time or two`(text: String, wanted: ClosedRange<Int64>?) {
    let bounds = EndpointLagBounds(argument: text)?.bounds
    #expect(bounds?.lowerBound.milliseconds == wanted?.lowerBound)
    #expect(bounds?.upperBound.milliseconds == wanted?.upperBound)
  }
}
