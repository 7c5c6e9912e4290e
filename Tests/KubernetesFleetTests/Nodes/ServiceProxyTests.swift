import CurlTransport
import SimulatedCluster
import Synchronization
import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

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

  @Test func `a loss is told late, and what comes at once`() {
    let pod = { (name: String, isReady: Bool) -> JSONValue in
      [
        "metadata": ["name": .string(name), "uid": .string("u-\(name)")],
        "spec": ["nodeName": "node-a"],
        "status": [
          "phase": "Running", "podIP": "127.1.2.3",
          "conditions": [["type": "Ready", "status": isReady ? "True" : "False"]],
        ],
      ]
    }
    var table = EndpointTable(lag: .seconds(2))
    let start = Timestamp(milliseconds: 1_000_000)
    let states = { (found: [EndpointTable.Endpoint]) in found.map { "\($0.pod) \($0.isReady)" } }
    #expect(states(table.update([pod("a", true)], at: start).endpoints) == ["a true"])
    let late = table.update([pod("a", false), pod("b", true)], at: start + .seconds(1))
    #expect(states(late.endpoints) == ["a true", "b true"])
    #expect(late.again == start + .seconds(3))
    let told = table.update([pod("a", false), pod("b", true)], at: start + .seconds(3))
    #expect(states(told.endpoints) == ["a false", "b true"])
    let gone = table.update([pod("b", true)], at: start + .seconds(4))
    #expect(states(gone.endpoints) == ["b true"])
    #expect(gone.again == nil)
    // One that is ready again before its loss was told was never lost.
    _ = table.update([pod("b", false)], at: start + .seconds(5))
    let back = table.update([pod("b", true)], at: start + .seconds(6))
    #expect(states(back.endpoints) == ["b true"])
    #expect(back.again == nil)
  }
}
