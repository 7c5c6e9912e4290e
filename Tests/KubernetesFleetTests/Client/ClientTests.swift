import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// What the client sends, and when it sends it again.
struct ClientTests {
  private let web = ObjectReference(.deployments, "web", in: "shop")
  private let object: JSONValue = [
    "apiVersion": "apps/v1", "kind": "Deployment",
    "metadata": ["name": "web", "namespace": "shop", "uid": "u1", "resourceVersion": "7"],
  ]

  @Test func `a request carries the token and nothing that it should not`() async throws {
    let world = try ScriptedWorld([.json(object)])
    let found = try await world.client.get(web)
    #expect(found?.resourceVersion == "7")
    let request = world.transport.requests[0]
    #expect(request.method == "GET")
    #expect(
      request.url == "https://cluster.example:6443/apis/apps/v1/namespaces/shop/deployments/web")
    #expect(
      request.headers == [
        HTTPHeader("Accept", "application/json"), HTTPHeader("User-Agent", "windlass"),
        HTTPHeader("Authorization", "Bearer secret-token"),
      ])
  }

  @Test func `an absent object is no error`() async throws {
    let world = try ScriptedWorld([.refusal(404, "NotFound", details: ["name": "web"])])
    #expect(try await world.client.get(web) == nil)
  }

  @Test func `an apply names its manager and forces nothing`() async throws {
    let world = try ScriptedWorld([.json(object), .json(object)])
    let managed = KubernetesObject(
      object.setting(["metadata", "managedFields"], to: [["manager": "x"]]))
    _ = try await world.client.apply(managed, as: .deployments)
    _ = try await world.client.apply(managed, as: .deployments, ownership: .taken)
    let request = world.transport.requests[0]
    #expect(request.method == "PATCH")
    #expect(request.url.hasSuffix("/web?fieldManager=windlass&fieldValidation=Strict"))
    #expect(request.headers.contains(HTTPHeader("Content-Type", "application/apply-patch+yaml")))
    #expect(request.body == object.bytes)
    #expect(
      world.transport.requests[1].url
        .hasSuffix("/web?fieldManager=windlass&fieldValidation=Strict&force=true"))
  }

  @Test func `preconditions travel with every form of change`() async throws {
    let world = try ScriptedWorld(Array(repeating: .json(object), count: 4))
    let read = KubernetesObject(object)
    _ = try await world.client.patch(web, .merge(["spec": ["paused": true]]), if: read.unchanged)
    _ = try await world.client.patch(
      web, .json([["op": "remove", "path": "/spec/paused"]]), if: read.unchanged)
    _ = try await world.client.delete(web, .foreground, if: read.same)
    let bodies = world.transport.requests.map { String(decoding: $0.body ?? [], as: UTF8.self) }
    #expect(
      bodies == [
        #"{"spec":{"paused":true},"metadata":{"uid":"u1","resourceVersion":"7"}}"#,
        #"[{"op":"replace","path":"/metadata/uid","value":"u1"},"#
          + #"{"op":"replace","path":"/metadata/resourceVersion","value":"7"},"#
          + #"{"op":"remove","path":"/spec/paused"}]"#,
        #"{"apiVersion":"v1","kind":"DeleteOptions","propagationPolicy":"Foreground","#
          + #""preconditions":{"uid":"u1"}}"#,
      ])
  }

  @Test func `an object without a version is not written back`() async throws {
    let world = try ScriptedWorld([.json(object)])
    let fresh = KubernetesObject(web)
    let error = await failure { () throws(APIError) in
      try await world.client.replace(fresh, as: .deployments)
    }
    #expect(error?.code == .badTarget)
    #expect(world.transport.requests.isEmpty)
  }

  @Test func `a read is repeated with growing pauses, and not for ever`() async throws {
    let world = try ScriptedWorld(Array(repeating: .refusal(503, "ServiceUnavailable"), count: 9))
    let error = await failure { () throws(APIError) in try await world.client.get(web) }
    #expect(error?.code == .unavailable)
    #expect(world.transport.requests.count == 5)
    #expect(world.clock.slept.map(\.milliseconds) == [125, 250, 500, 1_000])
  }

  @Test func `a change whose reply was lost is not sent again`() async throws {
    let world = try ScriptedWorld([.fail(HTTPError(.truncated, "cut")), .json(object)])
    let error = await failure { () throws(APIError) in
      try await world.client.create(KubernetesObject(object), as: .deployments)
    }
    #expect(error?.mayHaveHappened == true)
    #expect(world.transport.requests.count == 1)
  }

  @Test func `a change that was turned away is sent again when the server wants it`() async throws {
    let world = try ScriptedWorld([
      .refusal(429, "TooManyRequests", headers: [HTTPHeader("Retry-After", "2")]), .json(object),
    ])
    _ = try await world.client.create(KubernetesObject(object), as: .deployments)
    #expect(world.transport.requests.count == 2)
    #expect(world.clock.slept.map(\.milliseconds) == [2_125])
  }

  @Test func `an urgent request waits for nobody and has little time`() async throws {
    let world = try ScriptedWorld(
      [.json(object), .json(object), .refusal(503, "X"), .json(object)],
      bucket: TokenBucket(perSecond: 1, burst: 1))
    _ = try await world.client.get(web)
    _ = try await world.client.get(web, urgency: .urgent)
    #expect(world.clock.slept.isEmpty)
    #expect(world.transport.limits.map(\.deadline) == [.seconds(32), .seconds(5)])
    let error = await failure { () throws(APIError) in
      try await world.client.get(web, urgency: .urgent)
    }
    #expect(error?.code == .unavailable)
    #expect(world.transport.requests.count == 3)
  }

  @Test func `an ordinary request waits for its turn`() async throws {
    let world = try ScriptedWorld(
      [.json(object), .json(object)], bucket: TokenBucket(perSecond: 2, burst: 1))
    _ = try await world.client.get(web)
    _ = try await world.client.get(web)
    #expect(world.clock.slept == [.milliseconds(500)])
  }

  @Test func `credentials that were turned down are replaced once`() async throws {
    let plugins = FakePlugins { ["token": .string("token-\($0)")] }
    var config = try Kubeconfig.test(token: nil)
    config.users["test"]?.plugin = Kubeconfig.Plugin(
      apiVersion: "client.authentication.k8s.io/v1", command: "signin")
    let transport = ScriptedTransport([
      .refusal(401, "Unauthorized"), .json(object), .refusal(401, "Unauthorized"),
      .refusal(401, "Unauthorized"), .json(object),
    ])
    let client = KubernetesClient(
      try ClusterAccess(config), clock: ManualClock(jumps: true), plugins: plugins,
      transport: { _ throws(HTTPError) in transport })
    _ = try await client.get(web)
    let error = await failure { () throws(APIError) in try await client.get(web) }
    #expect(error?.code == .unauthorized)
    let shown = transport.requests.map { $0.headers.last?.value ?? "" }
    #expect(
      shown == ["Bearer token-1", "Bearer token-2", "Bearer token-2", "Bearer token-3"])
  }

  @Test func `a transport is kept until who we are changes`() async throws {
    let made = Counter()
    let plugins = FakePlugins { count in
      count < 3
        ? ["clientCertificateData": "same", "clientKeyData": "key"]
        : ["clientCertificateData": "new", "clientKeyData": "key"]
    }
    var config = try Kubeconfig.test(token: nil)
    config.users["test"]?.plugin = Kubeconfig.Plugin(
      apiVersion: "client.authentication.k8s.io/v1", command: "signin")
    let transport = ScriptedTransport(
      [.json(object), .refusal(401, "Unauthorized"), .json(object)]
        + [.refusal(401, "Unauthorized"), .json(object)])
    let client = KubernetesClient(
      try ClusterAccess(config), clock: ManualClock(jumps: true), plugins: plugins,
      transport: { security throws(HTTPError) in
        made.add(String(decoding: security.identity?.certificate ?? [], as: UTF8.self))
        return transport
      })
    for _ in 0..<3 { _ = try await client.get(web) }
    #expect(made.words == ["same", "new"])
  }

  @Test func `the server's version is read, with or without a plus`() async throws {
    let world = try ScriptedWorld([
      .json(["major": "1", "minor": "36"]), .json(["major": "1", "minor": "30+"]),
      .json(["major": "1"]),
    ])
    let first = try await world.client.serverVersion()
    #expect(first?.minor == 36)
    let second = try await world.client.serverVersion()
    #expect(second?.minor == 30)
    let third = try await world.client.serverVersion()
    #expect(third == nil)
  }
}
