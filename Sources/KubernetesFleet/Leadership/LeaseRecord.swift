package import WindlassCore
import WindlassWire

/// A Lease: who tries to lead, and until when others let him.
package struct LeaseRecord: TypedObject, Hashable {
  package static let type = ResourceType.leases

  package var namespace: String
  package var name: String
  /// Empty when nobody holds it.
  package var holder: String
  package var duration: Interval
  /// Texts as the server has them; nothing here compares them with a clock.
  package var acquireTime: String
  package var renewTime: String
  /// How often the holder has changed. It begins anew when the Lease is deleted, so it is no fence.
  package var transitions: Int64
  /// Empty before it was written.
  package var resourceVersion = ""
  /// The object that was read, whose other fields are others' affair.
  private var read: KubernetesObject?

  package init(
    namespace: String, name: String, holder: String, duration: Interval, at time: Timestamp,
    transitions: Int64 = 0
  ) {
    self.namespace = namespace
    self.name = name
    self.holder = holder
    self.duration = duration
    acquireTime = time.microTime
    renewTime = time.microTime
    self.transitions = transitions
  }

  package init(_ object: KubernetesObject) throws(ObjectError) {
    let spec = object.body["spec"]
    namespace = object.namespace ?? ""
    name = object.name
    holder = spec?["holderIdentity"]?.string ?? ""
    let seconds = spec?["leaseDurationSeconds"]?.integer ?? 0
    guard (0...86_400).contains(seconds) else {
      throw ObjectError(
        "spec.leaseDurationSeconds", "is \(seconds)", allowed: "Allowed: at most a day.")
    }
    duration = .seconds(seconds)
    acquireTime = spec?["acquireTime"]?.string ?? ""
    renewTime = spec?["renewTime"]?.string ?? ""
    transitions = spec?["leaseTransitions"]?.integer ?? 0
    resourceVersion = object.resourceVersion
    read = object
  }

  package var object: KubernetesObject {
    var spec = read?.body["spec"] ?? .object([])
    spec = spec.setting("holderIdentity", to: .string(holder))
      .setting("leaseDurationSeconds", to: .integer(max(1, duration.milliseconds / 1_000)))
      .setting("acquireTime", to: .string(acquireTime))
      .setting("renewTime", to: .string(renewTime))
      .setting("leaseTransitions", to: .integer(transitions))
    let fresh = KubernetesObject(ObjectReference(.leases, name, in: namespace))
    return KubernetesObject((read ?? fresh).body.setting("spec", to: spec))
  }
}
