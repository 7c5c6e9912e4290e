import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// Lists in pages.
struct ListTests {
  private func page(
    _ names: [String], version: String = "10", next: String? = nil
  ) -> ScriptedTransport.Step {
    var metadata: [JSONMember] = [JSONMember("resourceVersion", .string(version))]
    if let next { metadata.append(JSONMember("continue", .string(next))) }
    return .json([
      "kind": "PodList", "apiVersion": "v1", "metadata": .object(metadata),
      "items": .array(
        names.map { ["metadata": ["name": .string($0), "uid": .string("u-\($0)")]] }),
    ])
  }

  @Test func `all pages make one list, whose items say what they are`() async throws {
    let world = try ScriptedWorld([page(["a", "b"], next: "t1"), page(["c"])])
    let list = try await world.client.list(Selection(.pods, in: "shop", labels: "app=web"))
    #expect(list.objects.map(\.name) == ["a", "b", "c"])
    #expect(list.resourceVersion == "10")
    #expect(list.objects[0].body["kind"] == "Pod")
    #expect(list.objects[0].body["apiVersion"] == "v1")
    #expect(
      world.transport.requests.map { $0.url.split(separator: "?").last } == [
        "labelSelector=app%3Dweb&limit=500", "continue=t1&labelSelector=app%3Dweb&limit=500",
      ])
  }

  @Test func `lost history begins the list again, and nothing of the old one stays`() async throws {
    let world = try ScriptedWorld([
      page(["a", "b"], next: "t1"), .refusal(410, "Expired"), page(["b"], version: "20"),
    ])
    let list = try await world.client.list(Selection(.pods))
    #expect(list.objects.map(\.name) == ["b"])
    #expect(list.resourceVersion == "20")
  }

  @Test func `after some losses the list is asked for in one piece`() async throws {
    let lost = [page(["a"], next: "t"), .refusal(410, "Expired")]
    let world = try ScriptedWorld(lost + lost + lost + [page(["a", "b"], version: "30")])
    #expect(try await world.client.list(Selection(.pods)).objects.count == 2)
    #expect(world.transport.requests.last?.url.contains("limit") == false)
  }

  @Test func `pages of two versions are no list`() async throws {
    let world = try ScriptedWorld([
      page(["a"], version: "10", next: "t"), page(["b"], version: "11"),
      page(["a", "b"], version: "12"),
    ])
    #expect(try await world.client.list(Selection(.pods)).resourceVersion == "12")
  }

  @Test func `an answer without items is no empty list`() async throws {
    let world = try ScriptedWorld([
      .json(["kind": "PodList", "metadata": ["resourceVersion": "1"], "items": .null])
    ])
    let error = await failure { () throws(APIError) in
      try await world.client.list(Selection(.pods))
    }
    #expect(error?.code == .malformedAnswer)
  }
}
