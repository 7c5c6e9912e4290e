import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

struct ServiceShardTests {
  private static func service(
    label: String?, record: String?, isOpen: Bool = false
  ) -> KubernetesObject {
    var object = KubernetesObject(ObjectReference(.managedServices, "beacon", in: "shop"), [])
    if let label {
      object.body = object.body.setting(
        ["metadata", "labels", ServiceShard.label], to: .string(label))
    }
    if let record {
      object.body = object.body.setting(
        ["metadata", "annotations", ServiceShard.record], to: .string(record))
    }
    let place = isOpen ? JournalMark.Place(run: RunID("beacon-1"), uid: "uid-1") : nil
    let mark = JournalMark(number: 7, first: 1, term: 3, place: place)
    object.body = object.body.setting(
      ["metadata", "annotations", JournalMark.annotation], to: .string(mark.text))
    return object
  }

  @Test func `whose label is the shard's is looked after, whoever did so before`() {
    for record in [nil, "", "a", "b"] {
      for isOpen in [false, true] {
        let service = Self.service(label: "a", record: record, isOpen: isOpen)
        #expect(ServiceShard("a").duty(for: service) == .all)
      }
    }
    #expect(ServiceShard().duty(for: Self.service(label: nil, record: "a")) == .all)
    #expect(ServiceShard().duty(for: Self.service(label: "", record: nil)) == .all)
  }

  @Test func `of another's service the open run is this one's that is on record`() {
    let moved = Self.service(label: "b", record: "a", isOpen: true)
    #expect(ServiceShard("a").duty(for: moved) == .openRun)
    #expect(ServiceShard("c").duty(for: moved) == .nothing)
    #expect(ServiceShard().duty(for: moved) == .nothing)
    // Without a record those that have no name had it.
    let first = Self.service(label: "b", record: nil, isOpen: true)
    #expect(ServiceShard().duty(for: first) == .openRun)
    #expect(ServiceShard("a").duty(for: first) == .nothing)
  }

  @Test func `nothing is left to do for another's service without an open run`() {
    let moved = Self.service(label: "b", record: "a")
    #expect(ServiceShard("a").duty(for: moved) == .nothing)
    #expect(ServiceShard().duty(for: Self.service(label: "b", record: nil)) == .nothing)
  }

  @Test func `a service with another's open run is not driven before it has ended`() {
    let moved = Self.service(label: "b", record: "a", isOpen: true)
    #expect(!ServiceShard("b").mayDrive(moved, isOpen: true))
    #expect(ServiceShard("b").mayDrive(moved, isOpen: false))
    #expect(ServiceShard("a").mayDrive(moved, isOpen: true))
  }

  @Test func `each shard has a Lease of its own`() {
    #expect(ServiceShard().lease("windlass-operator") == "windlass-operator")
    #expect(ServiceShard("a").lease("windlass-operator") == "windlass-operator-a")
  }
}
