import SimulatedCluster
import Synchronization
import Testing
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// What is told of rights that a server refuses.
struct MissingRightsTests {
  /// What was told, in words.
  private final class Told: Sendable {
    private let lines = Mutex<[String]>([])
    var all: [String] { lines.withLock { $0 } }

    var rights: MissingRights {
      MissingRights { [self] news in
        let line =
          switch news {
          case .missing(let right, _): "missing: \(right)"
          case .granted(let right): "granted: \(right)"
          }
        lines.withLock { $0.append(line) }
      }
    }
  }

  private static let create = AccessRight(
    verb: "create", type: .jobs, subresource: nil, namespace: "shop")
  private static let refusal = APIError(.forbidden, request: "POST", detail: "no", status: 403)

  @Test func `a right is told once when it is missing, and once when it is there again`() {
    let told = Told()
    let rights = told.rights
    let start = Timestamp(milliseconds: 0)
    rights.note(Self.create, nil, at: start)
    #expect(told.all == [])
    for second in Int64(0)..<5 {
      rights.note(Self.create, Self.refusal, at: start + .seconds(second))
    }
    #expect(told.all == ["missing: create jobs.batch in the namespace shop"])
    // What fails for another reason says nothing of it.
    rights.note(Self.create, APIError(.conflict, request: "POST", detail: ""), at: start)
    #expect(told.all.count == 1)
    for _ in 0..<2 { rights.note(Self.create, nil, at: start + .seconds(9)) }
    #expect(told.all.dropFirst() == ["granted: create jobs.batch in the namespace shop"])
  }

  @Test func `what a quota refuses now and then does not fill the log`() {
    let told = Told()
    let rights = told.rights
    for second in 0..<1_200 {
      let now = Timestamp(milliseconds: 0) + .seconds(Int64(second))
      rights.note(Self.create, second % 2 == 0 ? Self.refusal : nil, at: now)
    }
    // Twice in twenty minutes, each with its end.
    #expect(told.all.count == 4)
  }

  @Test func `requests and watches tell what they are refused`() async throws {
    try await ClusterWorld.with(.inProcess) { cluster in
      let told = Told()
      let host = cluster.host
      let guest = KubernetesClient(
        try ClusterAccess(try .test(server: "http://simulated.invalid", token: "guest-token")),
        clock: HostClock(), plugins: NoPlugins(), rights: told.rights,
        transport: { _ throws(HTTPError) in ClusterTransport(host) })
      let pods = Selection(.pods, in: "shop")
      await #expect(throws: APIError.self) { try await guest.list(pods) }
      let end = await guest.watch(pods, from: .initialEvents, lasting: .seconds(1)) { _ in }
      if case .finished = end { Issue.record("the watch was not refused") }
      #expect(
        told.all == [
          "missing: list pods in the namespace shop", "missing: watch pods in the namespace shop",
        ])
    }
  }
}
