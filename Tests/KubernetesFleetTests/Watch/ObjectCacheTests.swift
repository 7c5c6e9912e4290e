import Testing
import WindlassWire

@testable import KubernetesFleet

/// The local copy of a collection.
struct ObjectCacheTests {
  @Test func `a list replaces the copy and tells what differs`() {
    var cache = ObjectCache()
    #expect(
      cache.replace(with: [.test("a", "1"), .test("b", "2")])
        == [.added(.test("a", "1")), .added(.test("b", "2"))])
    #expect(
      cache.replace(with: [.test("b", "3"), .test("c", "4")]) == [
        .removed(.test("a", "1")), .updated(from: .test("b", "2"), to: .test("b", "3")),
        .added(.test("c", "4")),
      ])
    #expect(cache.replace(with: [.test("b", "3"), .test("c", "4")]) == [])
    #expect(cache.all.map(\.name) == ["b", "c"])
  }

  @Test func `an object that was made anew under its name is two changes`() {
    var cache = ObjectCache()
    let old = KubernetesObject.test("a", "1", uid: "old")
    let new = KubernetesObject.test("a", "5", uid: "new")
    _ = cache.put(old)
    #expect(cache.put(new) == [.removed(old), .added(new)])
    // What is told late of the old one is not believed.
    #expect(cache.put(.test("a", "6", uid: "old")) == [])
    #expect(cache.remove(old) == [])
    #expect(cache.all == [new])
    var listed = ObjectCache()
    _ = listed.put(old)
    #expect(listed.replace(with: [new]) == [.removed(old), .added(new)])
  }

  @Test func `what is told twice, late, or after the end changes nothing`() {
    var cache = ObjectCache()
    _ = cache.put(.test("a", "9"))
    #expect(cache.put(.test("a", "9")) == [])
    #expect(cache.put(.test("a", "8")) == [])
    #expect(
      cache.put(.test("a", "10")) == [.updated(from: .test("a", "9"), to: .test("a", "10"))])
    _ = cache.remove(.test("a", "11"))
    #expect(cache.put(.test("a", "10")) == [])
    #expect(cache.all == [])
    // A list is believed whatever was removed before.
    #expect(cache.replace(with: [.test("a", "12")]).count == 1)
  }

  @Test func `versions that are no numbers are equal or not`() {
    var cache = ObjectCache()
    _ = cache.put(.test("a", "x9"))
    #expect(cache.put(.test("a", "x9")) == [])
    #expect(cache.put(.test("a", "x10")).count == 1)
  }

  @Test func `an index follows its objects`() {
    var cache = ObjectCache(indexes: ["app": { $0.labels["app"].map { [$0] } ?? [] }])
    _ = cache.put(.test("a", "1", labels: ["app": "web"]))
    _ = cache.put(.test("b", "2", labels: ["app": "web"]))
    _ = cache.put(.test("c", "3"))
    #expect(cache.objects("app", "web").map(\.name) == ["a", "b"])
    _ = cache.put(.test("a", "4", labels: ["app": "db"]))
    #expect(cache.objects("app", "web").map(\.name) == ["b"])
    #expect(cache.objects("app", "db").map(\.name) == ["a"])
    _ = cache.remove(.test("b", "5"))
    _ = cache.replace(with: [])
    #expect(cache.objects("app", "web") == [])
    #expect(cache.objects("app", "db") == [])
    #expect(cache.objects("nothing", "web") == [])
  }

  @Test(arguments: UInt64(1)...100)
  func `events in any order, told twice or not at all, and then a list, give the list`(
    seed: UInt64
  ) {
    var chance = SeededGenerator(seed: seed)
    var cache = ObjectCache(indexes: ["app": { [$0.uid] }])
    var mirror: [ObjectKey: KubernetesObject] = [:]
    func follow(_ changes: [CacheChange]) {
      for change in changes {
        switch change {
        case .removed(let object): mirror[object.key] = nil
        case .added(let object), .updated(_, let object), .resynced(let object):
          mirror[object.key] = object
        }
      }
    }
    for _ in 0..<200 {
      let name = "n\(chance.next() % 5)"
      let uid = "u\(chance.next() % 12)"
      let object = KubernetesObject.test(name, "\(chance.next() % 300)", uid: uid)
      follow(chance.next() % 4 == 0 ? cache.remove(object) : cache.put(object))
      #expect(cache.all == mirror.values.sorted { $0.key < $1.key }, "seed \(seed)")
    }
    let list = (0..<4).map { KubernetesObject.test("n\($0)", "400", uid: "w\($0)") }
    follow(cache.replace(with: list))
    #expect(cache.all == list, "seed \(seed)")
    #expect(mirror.values.sorted { $0.key < $1.key } == list, "seed \(seed)")
    #expect(cache.objects("app", "w1") == [list[1]])
  }
}
