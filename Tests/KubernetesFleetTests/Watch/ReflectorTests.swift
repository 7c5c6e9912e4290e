import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// What keeps a copy like the server's.
struct ReflectorTests {
  private var reflector = Reflector(streamsLists: false)
  private var now = Timestamp(milliseconds: 1_800_000_000_000)

  private mutating func handle(_ event: Reflector.Event) -> [Reflector.Action] {
    reflector.handle(event, at: now, fraction: 0.5)
  }

  private func broken(_ code: APIError.Code, after: Interval? = nil) -> WatchEnd {
    .broken(APIError(code, request: "WATCH pods", detail: "d", retryAfter: after))
  }

  private mutating func listed(_ names: [String] = [], _ version: String = "10") -> [Reflector
    .Action]
  {
    _ = handle(.ready)
    return handle(
      .listed(ObjectList(objects: names.map { .test($0, version) }, resourceVersion: version)))
  }

  @Test mutating func `a list comes first, and the watch after its version`() {
    #expect(handle(.ready) == [.list])
    #expect(!reflector.hasSynced)
    let list = ObjectList(objects: [.test("a", "9")], resourceVersion: "10")
    #expect(
      handle(.listed(list)) == [
        .replace([.test("a", "9")]),
        .watch(from: .after(resourceVersion: "10"), lasting: .milliseconds(450_000)),
      ])
    #expect(reflector.hasSynced)
    #expect(reflector.isCurrent)
  }

  @Test mutating func `a watch goes on after the last thing that it told`() {
    _ = listed()
    #expect(handle(.heard(.added(.test("a", "11")))) == [.put(.test("a", "11"))])
    #expect(handle(.heard(.deleted(.test("a", "12")))) == [.remove(.test("a", "12"))])
    now = now + .minutes(5)
    #expect(
      handle(.watchEnded(.finished)) == [
        .watch(from: .after(resourceVersion: "12"), lasting: .milliseconds(450_000))
      ])
    #expect(handle(.heard(.bookmark(resourceVersion: "40", endsInitialEvents: false))) == [])
    // A stream that broke is resumed as well, after a pause.
    #expect(handle(.watchEnded(broken(.noAnswer))) == [.wait(.milliseconds(125))])
    #expect(
      handle(.ready) == [
        .watch(from: .after(resourceVersion: "40"), lasting: .milliseconds(450_000))
      ])
    #expect(reflector.isCurrent)
  }

  @Test mutating func `lost history leads to a new list, and nothing is removed until it is there`()
  {
    _ = listed(["a"])
    #expect(handle(.watchEnded(broken(.expired))) == [.list])
    #expect(reflector.hasSynced)
    #expect(!reflector.isCurrent)
    #expect(handle(.listFailed(APIError(.unavailable, request: "LIST", detail: "d"))).count == 1)
    #expect(!reflector.isCurrent)
    #expect(handle(.ready) == [.list])
    let list = ObjectList(objects: [], resourceVersion: "90")
    #expect(handle(.listed(list)).first == .replace([]))
    #expect(reflector.isCurrent)
  }

  @Test mutating func `a server that loses its history each time is left alone in between`() {
    _ = listed()
    #expect(handle(.watchEnded(broken(.expired))) == [.list])
    _ = handle(.listed(ObjectList(objects: [], resourceVersion: "20")))
    #expect(handle(.watchEnded(broken(.expired))) == [.list])
    #expect(
      handle(.listFailed(APIError(.expired, request: "LIST", detail: "d")))
        == [.wait(.milliseconds(250))])
  }

  @Test mutating func `failures make the pauses longer, and a word of the server ends that`() {
    _ = listed()
    var pauses: [Int64] = []
    for _ in 0..<4 {
      guard case .wait(let pause) = handle(.watchEnded(broken(.unreachable))).last else { break }
      pauses.append(pause.milliseconds)
      _ = handle(.ready)
    }
    #expect(pauses == [125, 250, 500, 1_000])
    #expect(reflector.trouble?.code == .unreachable)
    _ = handle(.heard(.bookmark(resourceVersion: "11", endsInitialEvents: false)))
    #expect(reflector.trouble == nil)
    #expect(handle(.watchEnded(broken(.unreachable))) == [.wait(.milliseconds(125))])
  }

  @Test mutating func `a server's wish to be left alone is obeyed`() {
    _ = listed()
    #expect(
      handle(.watchEnded(broken(.tooManyRequests, after: .seconds(5))))
        == [.wait(.milliseconds(5_125))])
  }

  @Test mutating func `silence concludes nothing, and too much of it asks for a list`() {
    _ = listed(["a"])
    now = now + .minutes(8)
    guard case .watch(.after("10"), _) = handle(.watchEnded(.finished)).last else {
      return #expect(Bool(false))
    }
    now = now + .minutes(8)
    #expect(handle(.watchEnded(.finished)) == [.list])
    #expect(reflector.isCurrent)
  }

  @Test mutating func `a watch that ends at once is not asked for without a pause`() {
    _ = listed()
    #expect(handle(.watchEnded(.finished)) == [.wait(.milliseconds(125))])
  }

  @Test mutating func `now and then the collection is listed anew`() {
    _ = listed()
    for minute in 1...4 {
      _ = handle(
        .heard(.bookmark(resourceVersion: "\(10 + minute)", endsInitialEvents: false)))
      now = now + .minutes(8)
      let actions = handle(.watchEnded(.finished))
      #expect((actions == [.list]) == (minute == 4), "minute \(minute * 8)")
    }
  }

  @Test func `a streamed list replaces the copy when it is whole`() {
    var reflector = Reflector()
    let now = now
    #expect(
      reflector.handle(.ready, at: now, fraction: 0)
        == [.watch(from: .initialEvents, lasting: .minutes(5))])
    let events: [KubernetesFleet.WatchEvent] = [
      .added(.test("b", "5")), .added(.test("a", "6")), .added(.test("c", "7")),
      .modified(.test("a", "8")), .deleted(.test("c", "9")),
      .bookmark(resourceVersion: "9", endsInitialEvents: false),
    ]
    for event in events {
      #expect(reflector.handle(.heard(event), at: now, fraction: 0) == [])
      #expect(!reflector.hasSynced)
    }
    #expect(
      reflector.handle(
        .heard(.bookmark(resourceVersion: "10", endsInitialEvents: true)), at: now, fraction: 0)
        == [.replace([.test("a", "8"), .test("b", "5")])])
    #expect(reflector.hasSynced)
    // The same watch goes on.
    #expect(
      reflector.handle(.heard(.added(.test("d", "11"))), at: now, fraction: 0)
        == [.put(.test("d", "11"))])
  }

  @Test func `half a streamed list is no list`() {
    var reflector = Reflector()
    _ = reflector.handle(.ready, at: now, fraction: 0)
    _ = reflector.handle(.heard(.added(.test("a", "5"))), at: now, fraction: 0)
    let actions = reflector.handle(.watchEnded(.finished), at: now, fraction: 0)
    #expect(actions == [.wait(.milliseconds(1))])
    #expect(!reflector.hasSynced)
    #expect(
      reflector.handle(.ready, at: now, fraction: 0)
        == [.watch(from: .initialEvents, lasting: .minutes(5))])
  }

  @Test(arguments: [APIError.Code.invalid, .badRequest])
  func `a server that streams no lists is asked in the old way`(code: APIError.Code) {
    var reflector = Reflector()
    _ = reflector.handle(.ready, at: now, fraction: 0)
    #expect(reflector.handle(.watchEnded(broken(code)), at: now, fraction: 0) == [.list])
  }

  @Test func `streams that fail again and again give way to a list`() {
    var reflector = Reflector()
    var actions = reflector.handle(.ready, at: now, fraction: 0)
    var asked: [[Reflector.Action]] = []
    for _ in 0..<4 {
      asked.append(actions)
      _ = reflector.handle(.watchEnded(broken(.noAnswer)), at: now, fraction: 0)
      actions = reflector.handle(.ready, at: now, fraction: 0)
    }
    #expect(asked.prefix(3).allSatisfy { $0 != [.list] })
    #expect(asked.last == [.list])
  }

  @Test(arguments: UInt64(1)...200)
  func `whatever happens, one thing is under way, and removal comes only from lists and deletions`(
    seed: UInt64
  ) {
    var chance = SeededGenerator(seed: seed)
    var reflector = Reflector(streamsLists: seed % 2 == 0)
    var time = now
    var next = reflector.handle(.ready, at: time, fraction: 0.3)
    for _ in 0..<300 {
      time = time + .milliseconds(Int64(chance.next() % 400_000))
      let pending = next.last
      var events: [Reflector.Event] = []
      switch pending {
      case .list:
        events =
          chance.next() % 3 == 0
          ? [
            .listFailed(
              APIError(.allCases.randomElement(using: &chance) ?? .expired, request: "", detail: "")
            )
          ]
          : [.listed(ObjectList(objects: [], resourceVersion: "\(chance.next() % 1_000)"))]
      case .watch:
        for _ in 0..<(chance.next() % 4) {
          let object = KubernetesObject.test("a", "\(chance.next() % 1_000)")
          let ends = chance.next() % 2 == 0
          let choices: [KubernetesFleet.WatchEvent] = [
            .added(object), .modified(object), .deleted(object),
            .bookmark(resourceVersion: object.resourceVersion, endsInitialEvents: ends),
          ]
          events.append(.heard(choices[Int(chance.next() % 4)]))
        }
        let code = APIError.Code.allCases.randomElement(using: &chance) ?? .expired
        events.append(.watchEnded(chance.next() % 2 == 0 ? .finished : broken(code)))
      case .wait(let pause):
        #expect(pause > .zero, "seed \(seed)")
        events = [.ready]
      default:
        Issue.record("seed \(seed): nothing is under way")
        return
      }
      for event in events {
        let actions = reflector.handle(event, at: time, fraction: 0.3)
        if case .heard = event {
          #expect(actions.allSatisfy { !$0.isUnderWay }, "seed \(seed)")
          continue
        }
        #expect(actions.filter(\.isUnderWay).count == 1, "seed \(seed)")
        #expect(actions.last?.isUnderWay == true, "seed \(seed)")
        next = actions
      }
    }
  }
}

extension Reflector.Action {
  fileprivate var isUnderWay: Bool {
    switch self {
    case .list, .watch, .wait: true
    case .replace, .put, .remove: false
    }
  }
}

extension KubernetesObject {
  /// A small object.
  static func test(
    _ name: String, _ version: String, uid: String? = nil, labels: JSONValue = .object([])
  ) -> KubernetesObject {
    KubernetesObject([
      "metadata": [
        "name": .string(name), "namespace": "shop", "uid": .string(uid ?? "u-\(name)"),
        "resourceVersion": .string(version), "labels": labels,
      ]
    ])
  }
}

/// A small generator with a seed (SplitMix64), so that a failure can be repeated.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
