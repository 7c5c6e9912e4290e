import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// What a client tells of its requests.
struct RecorderTests {
  private let web = ObjectReference(.deployments, "web", in: "shop")
  private let object: JSONValue = [
    "apiVersion": "apps/v1", "kind": "Deployment",
    "metadata": ["name": "web", "namespace": "shop", "uid": "u1", "resourceVersion": "7"],
  ]

  private func world(
    _ recorder: WordRecorder, _ steps: [ScriptedTransport.Step]
  ) throws -> ScriptedWorld {
    try ScriptedWorld(steps, recorder: recorder)
  }

  @Test func `each kind of request has its word`() async throws {
    let recorder = WordRecorder()
    let list: JSONValue = [
      "kind": "DeploymentList", "apiVersion": "apps/v1", "metadata": ["resourceVersion": "7"],
      "items": .array([]),
    ]
    let client = try world(
      recorder,
      [
        .json(object), .json(list), .json(object, status: 201), .json(object), .json(object),
        .json(object), .json(object), .json(["major": "1", "minor": "36"]), .json(.object([])),
      ]
    ).client
    let read = KubernetesObject(object)
    let pods = Selection(.deployments, in: "shop")
    _ = try await client.get(web)
    _ = try await client.list(pods)
    _ = try await client.create(read, as: .deployments)
    _ = try await client.replace(read, as: .deployments)
    _ = try await client.patch(web, .merge(.object([])))
    _ = try await client.apply(read, as: .deployments)
    _ = try await client.delete(web, .background)
    _ = try await client.serverVersion()
    _ = await client.watch(pods, from: .initialEvents, lasting: .seconds(1)) { _ in }
    #expect(
      recorder.all == [
        "get 200", "list 200", "create 201", "update 200", "patch 200", "patch 200", "delete 200",
        "get 200", "watch 200",
      ])
  }

  @Test func `each attempt counts, with or without an answer`() async throws {
    let recorder = WordRecorder()
    let client = try world(
      recorder,
      [
        .refusal(503, "ServiceUnavailable"), .fail(HTTPError(.unreachable, "The wire is cut.")),
        .refusal(404, "NotFound", details: ["name": "web"]),
        .fail(HTTPError(.unreachable, "The wire is cut.")),
      ]
    ).client
    #expect(try await client.get(web) == nil)
    _ = await client.watch(
      Selection(.deployments, in: "shop"), from: .initialEvents, lasting: .seconds(1)
    ) { _ in }
    #expect(recorder.all == ["get 503", "get failed", "get 404", "watch failed"])
  }

  @Test(arguments: [
    (ClusterLoop.election, "election"),
    (.informer(Selection(.pods)), "informer of pods in all namespaces"),
    (.informer(Selection(.jobs, in: "shop")), "informer of jobs.batch in shop"),
    (.informer(Selection(.pods, labels: "a=b")), "informer of pods in all namespaces (a=b)"),
  ])
  func `two loops never have one name`(loop: ClusterLoop, name: String) {
    #expect(loop.description == name)
  }
}
