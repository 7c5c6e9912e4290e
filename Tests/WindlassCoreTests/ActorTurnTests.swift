import Testing
import WindlassCore

/// What is done in turn, and a log of it.
private actor Workshop {
  private let turn = ActorTurn()
  private(set) var log: [String] = []

  func work(_ name: Int, steps: Int) async {
    log.append("\(name) comes")
    await turn.take()
    defer { turn.pass() }
    for step in 1...steps {
      log.append("\(name) does \(step)")
      await Task.yield()
    }
  }
}

@Suite struct ActorTurnTests {
  @Test func `nobody begins before the one before has done his last step, and all come to work`()
    async
  {
    let workshop = Workshop()
    await withDiscardingTaskGroup { group in
      for name in 0..<50 { group.addTask { await workshop.work(name, steps: 3) } }
    }
    let log = await workshop.log
    let work = log.filter { $0.contains("does") }
    let order = work.enumerated().filter { $0.offset % 3 == 0 }.map {
      $0.element.prefix { $0 != " " }
    }
    #expect(order.count == 50 && Set(order).count == 50)
    #expect(work == order.flatMap { name in (1...3).map { "\(name) does \($0)" } })
    // In the order in which they came.
    #expect(order == log.filter { $0.hasSuffix("comes") }.map { $0.prefix { $0 != " " } })
  }

  @Test func `a turn that was passed on to nobody is free`() async {
    let workshop = Workshop()
    for name in 0..<3 { await workshop.work(name, steps: 1) }
    #expect(
      await workshop.log == (0..<3).flatMap { ["\($0) comes", "\($0) does 1"] })
  }
}
