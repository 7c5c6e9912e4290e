import Testing
import WindlassCore
import WindlassWire

@testable import WindlassSimulation

/// What recordings don't show of the simulated server: that it is deterministic, and its parts.
struct SimulatedAPIServerTests {
  private let start = Timestamp(milliseconds: 1_800_000_000_000)
  private let maps = "/api/v1/namespaces/default/configmaps"

  private func server(seed: UInt64 = 1) -> SimulatedAPIServer {
    var server = SimulatedAPIServer(at: start, seed: seed)
    server.addAdministrator("admin", token: "t")
    return server
  }

  private func request(_ method: String, _ path: String, _ body: JSONValue? = nil) -> APIRequest {
    APIRequest(
      method: method, path: path, headers: [HTTPHeader("Authorization", "Bearer t")],
      body: body?.bytes ?? [])
  }

  @Test func `the same seed and the same requests give the same answers`() {
    let answers = { (seed: UInt64) -> [APIResponse] in
      var server = server(seed: seed)
      let body: JSONValue = ["metadata": ["generateName": "a-"], "data": ["k": "v"]]
      return [
        server.respond(to: request("POST", maps, body), at: start),
        server.respond(to: request("GET", maps), at: start + .seconds(1)),
      ]
    }
    #expect(answers(1) == answers(1))
    #expect(answers(1) != answers(2))
  }

  @Test func `a watch that is closed leaves the others alone`() throws {
    var server = server()
    var identities: [WatchIdentity] = []
    for _ in 0..<2 {
      let answer = server.respond(to: request("GET", maps + "?watch=1"), at: start)
      guard case .watch(let identity) = answer.body else { continue }
      identities.append(identity)
    }
    try #require(identities.count == 2)
    server.close(identities[0])
    let third = server.respond(to: request("GET", maps + "?watch=1"), at: start)
    #expect(third.body != .watch(identities[1]))
    let created = request("POST", maps, ["metadata": ["name": "a"]])
    _ = server.respond(to: created, at: start + .seconds(1))
    let seen = server.drain(identities[1], until: start + .seconds(2)).events
    #expect(seen.contains { $0.object.value(at: "/metadata/name") == "a" })
    #expect(server.drain(identities[0], until: start + .seconds(2)).events.isEmpty)
  }

  @Test func `a suspended Job lets time pass`() throws {
    var server = server()
    let job: JSONValue = [
      "metadata": ["name": "j"],
      "spec": [
        "suspend": true,
        "template": [
          "spec": ["restartPolicy": "Never", "containers": [["name": "c", "image": "i"]]]
        ],
      ],
    ]
    let path = "/apis/batch/v1/namespaces/default/jobs"
    #expect(server.respond(to: request("POST", path, job), at: start).status == 201)
    server.advance(to: start + .minutes(1))
    #expect(server.nextTask == nil)
    let pods = server.respond(
      to: request("GET", "/api/v1/namespaces/default/pods"), at: start + .minutes(1))
    guard case .json(let list) = pods.body else { return #expect(Bool(false)) }
    #expect(list["items"] == .array([]))
  }

  @Test func `digests are those of the standard`() {
    let digest = SHA256.digest(Array("abc".utf8)).prefix(4)
    #expect(Array(digest) == [0xBA, 0x78, 0x16, 0xBF])
  }

  @Test func `simple YAML is read as people write it`() {
    let text = """
      # a comment
      kind: ConfigMap
      metadata: {name: a, labels: {tier: "front"}}
      data:
        list:
        - one
        - name: two
          size: 3
        empty: {}
      """
    let expected: JSONValue = [
      "kind": "ConfigMap", "metadata": ["name": "a", "labels": ["tier": "front"]],
      "data": ["list": ["one", ["name": "two", "size": 3]], "empty": .object([])],
    ]
    #expect(SimpleYAML.parse(text) == expected)
    #expect(SimpleYAML.parse(SimpleYAML.text(of: expected)) == expected)
    #expect(SimpleYAML.parse("a: {b") == nil)
  }

  @Test(arguments: [
    ("size(self.list) == 2 && self.list.all(i, i > 0)", true),
    ("self.list.exists(i, i == 3) ? true : 'a' in self.map", true),
    ("self.name.startsWith('be') && !self.name.matches('^x')", true),
    ("has(self.absent) || self.map.a == 1 + 2 * 3", true),
    ("self.list.filter(i, i > 1).size() != 1", false),
  ])
  func `rules are computed`(_ rule: String, _ expected: Bool) throws {
    let value: JSONValue = ["list": [1, 2], "map": ["a": 7], "name": "beacon"]
    let evaluator = RuleEvaluator(names: ["self": value])
    #expect(try evaluator.value(RuleParser.parse(rule)) == .bool(expected))
  }

  @Test func `selectors choose by labels`() throws {
    let object: JSONValue = ["metadata": ["labels": ["a": "1", "b": "2"]]]
    #expect(try LabelSelector("a=1,b in (2,3),!c").matches(object))
    #expect(try LabelSelector("a!=1").matches(object) == false)
    #expect(try LabelSelector("b notin (2)").matches(object) == false)
  }
}
