import Testing
import WindlassCore
import WindlassWire

@testable import WindlassSimulation

/// Each fault does what it says, to the requests that it is about, and to no other.
struct ClusterFaultTests {
  private let maps = "/api/v1/namespaces/default/configmaps"

  private func world(_ faults: [ClusterFault], seed: UInt64 = 1) -> WorkloadWorld {
    var world = WorkloadWorld()
    world.strike(FaultPlan(faults, seed: seed))
    return world
  }

  private func map(_ name: String) -> JSONValue { ["metadata": ["name": .string(name)]] }

  private func names(_ report: WatchReport) -> [String] {
    report.events.map { "\($0.type) \($0.object.name)" }
  }

  // MARK: - Requests

  @Test func `a lost reply is one of a request that was carried out, a lost request is not`() {
    for (kind, isDone) in [
      (ClusterFault.Kind.loseReply, true), (.loseRequest, false), (.hang, false),
    ] {
      var world = world([ClusterFault(kind, verbs: ["create"], when: .first(1))])
      let answer = world.send("POST", maps, map("a"))
      #expect(answer.loss == (kind == .hang ? .silence : .reset))
      #expect(world.get(maps + "/a").name == (isDone ? "a" : ""))
      #expect(world.send("POST", maps, map("b")).loss == nil)
    }
  }

  @Test(arguments: [
    (409, "AlreadyExists"), (429, "TooManyRequests"), (500, "InternalError"),
    (503, "ServiceUnavailable"), (504, "Timeout"),
  ])
  func `a refusal has its status and its reason, and changes nothing`(
    _ status: Int, _ reason: String
  ) {
    let kind = ClusterFault.Kind.refuse(status: status, retryAfterSeconds: 3)
    var world = world([ClusterFault(kind, resource: "configmaps", when: .only(2))])
    #expect(world.send("POST", maps, map("a")).status == 201)
    let answer = world.send("POST", maps, map("b"))
    #expect(answer.status == status)
    #expect(answer.headers.contains(HTTPHeader("Retry-After", "3")))
    guard case .json(let body) = answer.body else { return #expect(Bool(false)) }
    #expect(body["reason"]?.string == reason)
    #expect(world.objects("configmaps").map(\.name) == ["a", "kube-root-ca.crt"])
  }

  @Test func `a conflict of an update is one by its reason`() {
    let kind = ClusterFault.Kind.refuse(status: 409, retryAfterSeconds: nil)
    var world = world([ClusterFault(kind, verbs: ["patch"])])
    world.send("POST", maps, map("a"))
    let answer = world.send("PATCH", maps + "/a", ["data": ["k": "v"]])
    guard case .json(let body) = answer.body else { return #expect(Bool(false)) }
    #expect(body["reason"] == "Conflict")
  }

  @Test func `a verb that is taken away is named`() {
    var world = world([ClusterFault(.forbid, verbs: ["list"], resource: "jobs.batch")])
    let answer = world.send("GET", "/apis/batch/v1/namespaces/default/jobs", nil)
    #expect(answer.status == 403)
    guard case .json(let body) = answer.body else { return #expect(Bool(false)) }
    let message = body["message"]?.string ?? ""
    #expect(message.contains(#"cannot list resource "jobs" in API group "batch""#))
    #expect(world.send("GET", maps, nil).status == 200)
  }

  @Test func `an expired list offers a token with which it goes on`() {
    var world = world([ClusterFault(.expire, when: .first(1))])
    for name in ["a", "b"] { world.send("POST", maps, map(name)) }
    let token = world.get(maps + "?limit=1").at("metadata", "continue")?.string ?? ""
    let answer = world.send("GET", maps + "?limit=1&continue=\(token)", nil)
    #expect(answer.status == 410)
    guard case .json(let body) = answer.body else { return #expect(Bool(false)) }
    let fresh = body.at("metadata", "continue")?.string ?? ""
    let rest = world.get(maps + "?continue=\(fresh)")
    #expect(rest["items"]?.elements.map(\.name) == ["b", "kube-root-ca.crt"])
  }

  @Test func `a stale read shows what was there, and a fresh one what is`() {
    var world = WorkloadWorld()
    world.send("POST", maps, map("a"))
    let version = world.server.revision
    world.send("DELETE", maps + "/a", nil)
    world.strike(FaultPlan([ClusterFault(.stale(version: version))]))
    let stale = world.get(maps + "?resourceVersion=0")
    #expect(stale["items"]?.elements.map(\.name) == ["a", "kube-root-ca.crt"])
    #expect(stale.at("metadata", "resourceVersion")?.string == String(version))
    #expect(world.get(maps + "/a?resourceVersion=0").name == "a")
    #expect(world.get(maps)["items"]?.elements.map(\.name) == ["kube-root-ca.crt"])
    let report = world.watch(maps + "?watch=1&resourceVersion=0")
    #expect(names(report) == ["ADDED a", "ADDED kube-root-ca.crt", "DELETED a"])
  }

  @Test func `chance falls as the seed says`() {
    let statuses = { (seed: UInt64) -> [Int] in
      let kind = ClusterFault.Kind.refuse(status: 500, retryAfterSeconds: nil)
      var world = world([ClusterFault(kind, when: .chance(percent: 50))], seed: seed)
      return (0..<40).map { world.send("POST", maps, map("m\($0)")).status }
    }
    #expect(statuses(1) == statuses(1))
    #expect(statuses(1) != statuses(2))
    #expect(Set(statuses(1)) == [201, 500])
  }

  @Test func `what struck is told`() {
    let fault = ClusterFault(.loseReply, verbs: ["create"], when: .only(1))
    var world = world([fault])
    world.send("POST", maps, map("a"))
    world.send("POST", maps, map("b"))
    #expect(
      world.server.faults.strikes == [FaultPlan.Strike(fault: fault, request: "POST \(maps)")])
  }

  // MARK: - Streams

  @Test(arguments: [
    (ClusterFault.Kind.dropEvent(1), ["ADDED a", "ADDED c"]),
    (.duplicateEvent(1), ["ADDED a", "ADDED b", "ADDED b", "ADDED c"]),
    (.delayEvent(1), ["ADDED a", "ADDED c", "ADDED b"]),
    (.silence(before: 1), ["ADDED a"]), (.cutEvent(1), ["ADDED a", "ADDED b"]),
    (.expireEvent(1), ["ADDED a", "ERROR "]),
    (
      .manyBookmarks,
      ["ADDED a", "BOOKMARK ", "ADDED b", "BOOKMARK ", "ADDED c", "BOOKMARK "]
    ),
  ])
  func `a stream is distorted as its fault says`(_ kind: ClusterFault.Kind, _ seen: [String]) {
    var world = world([ClusterFault(kind, resource: "configmaps")])
    let version = world.server.revision
    for name in ["a", "b", "c"] { world.send("POST", maps, map(name)) }
    let query = "?watch=1&resourceVersion=\(version)&timeoutSeconds=10"
    let report = world.watch(maps + query, seconds: 20)
    #expect(names(report) == seen)
    #expect(report.isCut == (kind == .cutEvent(1)))
    #expect((report.ended == nil) == (kind == .silence(before: 1)))
  }

  @Test func `a watch without bookmarks has none but the one that ends the initial events`() {
    var world = world([ClusterFault(.noBookmarks)])
    let query = "?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan"
    let report = world.watch(maps + query + "&allowWatchBookmarks=true", seconds: 200)
    #expect(names(report) == ["ADDED kube-root-ca.crt", "BOOKMARK "])
  }

  @Test func `a watch can be too old from the start`() {
    var world = world([ClusterFault(.expire, verbs: ["watch"], when: .first(1))])
    let query = "?watch=1&resourceVersion=\(world.server.revision)"
    let report = world.watch(maps + query)
    #expect(report.events.map { $0.object["code"] } == [410])
    #expect(report.ended != nil)
    #expect(world.watch(maps + query).events.isEmpty)
  }

  // MARK: - Admission

  @Test func `a webhook changes what is written, refuses it, or does not answer`() {
    let patch: JSONValue = ["data": ["by": "webhook"]]
    var world = world([
      ClusterFault(.mutate(patch), resource: "configmaps", name: "a"),
      ClusterFault(.reject("not here"), resource: "configmaps", name: "b"),
      ClusterFault(.webhookDown, resource: "configmaps", name: "c"),
    ])
    world.send("POST", maps, map("a"))
    #expect(world.get(maps + "/a").at("data", "by") == "webhook")
    world.send("PATCH", maps + "/a", ["data": ["by": "hand"]])
    #expect(world.get(maps + "/a").at("data", "by") == "webhook")
    for (name, status, words) in [("b", 400, "denied the request: not here"), ("c", 500, "failed")]
    {
      let answer = world.send("POST", maps, map(name))
      #expect(answer.status == status)
      guard case .json(let body) = answer.body else { return #expect(Bool(false)) }
      let message = body["message"]?.string ?? ""
      #expect(message.contains(words))
      #expect(world.get(maps + "/\(name)").name.isEmpty)
    }
  }

  @Test func `a quota that is used up shows in the Deployment, until there is room`() {
    var world = world([ClusterFault(.exceedQuota, resource: "pods", when: .first(3))])
    let path = "/apis/apps/v1/namespaces/default/deployments"
    world.send(
      "POST", path,
      [
        "metadata": ["name": "app"],
        "spec": [
          "replicas": 1, "selector": ["matchLabels": ["app": "a"]],
          "template": [
            "metadata": ["labels": ["app": "a"]],
            "spec": ["containers": [["name": "c", "image": "i"]]],
          ],
        ],
      ])
    world.run(milliseconds: 500)
    let failure = world.get(path + "/app").condition("ReplicaFailure")
    #expect(failure?["reason"] == "FailedCreate")
    let message = failure?["message"]?.string ?? ""
    #expect(message.contains("exceeded quota"))
    world.run(seconds: 10)
    #expect(world.pods.count == 1)
    #expect(world.get(path + "/app").condition("ReplicaFailure") == nil)
  }
}
