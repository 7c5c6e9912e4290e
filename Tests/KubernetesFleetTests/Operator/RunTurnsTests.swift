import Synchronization
import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// How many services are at work, and who begins next.
struct RunTurnsTests {
  /// Who got a turn, in order.
  private final class Record: Sendable {
    private let names = Mutex<[String]>([])
    var all: [String] { names.withLock { $0 } }
    func add(_ name: String) { names.withLock { $0.append(name) } }
  }

  /// Has services ask one after the other, each of which is then in the queue or at work.
  private func ask(
    _ names: [String], _ turns: RunTurns, _ record: Record, _ group: inout TaskGroup<Void>
  ) async {
    for name in names {
      group.addTask {
        guard (try? await turns.take(name)) != nil else { return }
        record.add(name)
      }
      while turns.block(of: name) == nil, !record.all.contains(name) { await Task.yield() }
    }
  }

  private func waitUntil(_ record: Record, has count: Int) async {
    while record.all.count < count { await Task.yield() }
  }

  @Test func `of sixty services five are at work at a time, in the order in which they asked`()
    async
  {
    let turns = RunTurns(workingMax: 5)
    let record = Record()
    let names = (10..<70).map { "s\($0)" }
    await withTaskGroup { group in
      await ask(names, turns, record, &group)
      for place in 0..<60 {
        await waitUntil(record, has: min(place + 5, 60))
        #expect(turns.workingCount <= 5)
        #expect(record.all.count == min(place + 5, 60))
        turns.giveBack(names[place])
      }
    }
    #expect(Set(record.all.prefix(5)) == Set(names.prefix(5)))
    #expect(Array(record.all.dropFirst(5)) == Array(names.dropFirst(5)))
  }

  @Test func `a run that has changed something waits for nobody`() async throws {
    let turns = RunTurns(workingMax: 1)
    let record = Record()
    try await turns.take("first")
    await withTaskGroup { group in
      await ask(["second", "third"], turns, record, &group)
      // It stood still, gave its turn back, and has to be taken back now.
      try? await turns.take("third", isUnderWay: true)
      await waitUntil(record, has: 1)
      #expect(record.all == ["third"])
      #expect(turns.workingCount == 2)
      #expect(turns.waitingCount == 1)
      turns.giveBack("first")
      // The others begin when there is room again.
      #expect(turns.block(of: "second") != nil)
      turns.giveBack("third")
      await waitUntil(record, has: 2)
    }
    #expect(record.all == ["third", "second"])
  }

  @Test func `nothing begins before every journal was read, and open runs count`() async {
    let turns = RunTurns(workingMax: 2)
    let record = Record()
    turns.expect(["open", "new", "late"])
    await withTaskGroup { group in
      await ask(["new"], turns, record, &group)
      turns.declare("new", isOpen: false)
      turns.declare("open", isOpen: true)
      #expect(turns.block(of: "new")?.code == RunTurns.waiting)
      turns.declare("late", isOpen: true)
      // Both turns are those of open runs.
      #expect(record.all.isEmpty)
      #expect(turns.workingCount == 2)
      turns.giveBack("open")
      await waitUntil(record, has: 1)
    }
    #expect(record.all == ["new"])
    #expect(turns.block(of: "new") == nil)
  }

  @Test func `an open run has its turn already`() async throws {
    let turns = RunTurns(workingMax: 1)
    turns.declare("a", isOpen: true)
    turns.declare("b", isOpen: true)
    try await turns.take("a")
    try await turns.take("b")
    #expect(turns.workingCount == 2)
  }

  @Test func `who is called away comes back to his place`() async throws {
    let turns = RunTurns(workingMax: 1)
    let record = Record()
    try await turns.take("first")
    await withTaskGroup { group in
      await ask(["second", "third"], turns, record, &group)
      turns.callAway("second")
      await ask(["second"], turns, record, &group)
      turns.giveBack("first")
      await waitUntil(record, has: 1)
      turns.giveBack("second")
    }
    #expect(record.all == ["second", "third"])
  }

  @Test func `all that waits of one service begins with its turn`() async throws {
    let turns = RunTurns(workingMax: 1)
    let record = Record()
    try await turns.take("first")
    await withTaskGroup { group in
      await ask(["second", "second", "third"], turns, record, &group)
      turns.giveBack("first")
      await waitUntil(record, has: 2)
      #expect(record.all == ["second", "second"])
      #expect(turns.isTurn(of: "second") && !turns.isTurn(of: "third"))
      turns.giveBack("second")
    }
    #expect(record.all.last == "third")
  }

  @Test func `one that is driven no more is not waited for`() async throws {
    let turns = RunTurns(workingMax: 1)
    let record = Record()
    try await turns.take("first")
    turns.expect(["unread"])
    await withTaskGroup { group in
      await ask(["second", "third"], turns, record, &group)
      turns.leave("second")
      turns.leave("first")
      #expect(record.all.isEmpty)
      turns.leave("unread")
    }
    #expect(record.all == ["third"])
  }

  @Test func `a cancelled wait ends, and says why nothing was done`() async throws {
    let turns = RunTurns(workingMax: 1)
    try await turns.take("first")
    let failure = await withTaskGroup(of: StepFailure?.self) { group in
      group.addTask {
        await stepFailure { () async throws(StepFailure) in
          try await turns.take("second")
        }
      }
      while turns.block(of: "second") == nil { await Task.yield() }
      group.cancelAll()
      return await group.next() ?? nil
    }
    #expect(failure?.code == RunTurns.waiting)
    #expect(failure?.disposition == .wait)
    #expect(failure?.message.contains("(1)") == true)
  }
}

/// Whose pods tell of which workload.
struct WorkloadNewsTests {
  private func pod(_ kind: String, _ owner: String) -> KubernetesObject {
    KubernetesObject([
      "metadata": [
        "name": "p", "namespace": "shop", "uid": "1",
        "ownerReferences": [
          ["kind": .string(kind), "name": .string(owner), "controller": true]
        ],
      ]
    ])
  }

  @Test(arguments: [
    ("ReplicaSet", "web-api-6d5f", "deployments.apps shop/web-api"),
    ("StatefulSet", "web", "statefulsets.apps shop/web"),
    ("DaemonSet", "web", "daemonsets.apps shop/web"),
  ])
  func `a pod tells of the workload whose controller made it`(
    kind: String, owner: String, workload: String
  ) {
    #expect(WorkloadNews.workload(of: pod(kind, owner))?.description == workload)
  }

  @Test func `only a change of a pod is news, and only for its workload`() {
    let news = WorkloadNews()
    let web = WorkloadPlace(.deployment, "web", in: "shop", container: "c")
    let api = WorkloadPlace(.deployment, "api", in: "shop", container: "c")
    let (mine, other) = (news.signal(of: web), news.signal(of: api))
    news.note(.resynced(pod("ReplicaSet", "web-1")))
    #expect(mine.count == 0)
    news.note(.added(pod("ReplicaSet", "web-1")))
    news.note(.removed(pod("ReplicaSet", "web-1")))
    news.note(.added(pod("Job", "web-1")))
    #expect(mine.count == 2 && other.count == 0)
    news.keep(only: [api])
    news.note(.added(pod("ReplicaSet", "web-1")))
    #expect(mine.count == 2)
  }
}
