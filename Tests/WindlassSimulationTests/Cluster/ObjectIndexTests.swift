import Testing
import WindlassCore
import WindlassWire

@testable import WindlassSimulation

/// The index finds what a look at every object finds.
struct ObjectIndexTests {
  @Test(arguments: [1, 2, 3] as [UInt64])
  func `after any writes the index agrees with the objects`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    var store = ObjectStore()
    let pick = { (count: UInt64) in Int(generator.next() % count) }
    for step in 0..<2_000 {
      let key = ObjectKey(
        resource: ["pods", "jobs.batch"][pick(2)], namespace: "n\(pick(3))", name: "o\(pick(20))")
      if pick(4) == 0 {
        store.remove(key, time: Timestamp(milliseconds: 0))
        continue
      }
      var object: JSONValue = [
        "metadata": [
          "name": .string(key.name), "uid": .string(store.objects[key]?.uid ?? "u\(step)"),
          "labels": ["app": .string("a\(pick(3))"), "tier": .string("t\(pick(2))")],
        ]
      ]
      if pick(2) == 0 {
        object.set(
          [["uid": .string("owner\(pick(4))")]], at: ["metadata", "ownerReferences"])
      }
      if pick(5) == 0 { object.set("now", at: ["metadata", "deletionTimestamp"]) }
      _ = store.put(object, at: key, time: Timestamp(milliseconds: 0))
    }
    check(store)
  }

  private func check(_ store: ObjectStore) {
    let scan = { (isWanted: (ObjectKey, JSONValue) -> Bool) in
      store.objects.filter { isWanted($0.key, $0.value) }.keys.sorted()
    }
    for resource in ["pods", "jobs.batch"] {
      for namespace in [nil, "n0", "n1"] {
        let isHere = { (key: ObjectKey) in
          key.resource == resource && (namespace == nil || key.namespace == namespace)
        }
        #expect(
          store.objects(of: resource, namespace: namespace).map(\.key)
            == scan { key, _ in isHere(key) })
        let labels = [(name: "app", value: "a1"), (name: "tier", value: "t0")]
        #expect(
          store.objects(of: resource, namespace: namespace, with: labels).map(\.key)
            == scan { key, object in
              isHere(key)
                && labels.allSatisfy {
                  object.at("metadata", "labels", $0.name)?.string == $0.value
                }
            })
      }
      #expect(
        store.dependents(of: "owner1", resource).map(\.key)
          == scan { key, object in
            key.resource == resource
              && (object.at("metadata", "ownerReferences")?.elements ?? []).contains {
                $0["uid"] == "owner1"
              }
          })
    }
    #expect(store.index.terminating.sorted() == scan { $1.isTerminating })
    #expect(store.index.keys(in: "n2").sorted() == scan { key, _ in key.namespace == "n2" })
    for (key, object) in store.objects { #expect(store.index.key(of: object.uid) == key) }
  }
}
