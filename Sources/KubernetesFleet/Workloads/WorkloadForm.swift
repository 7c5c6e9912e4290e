import WindlassCore
import WindlassWire

/// A field below `spec` with the value that an order gives it.
struct OrderedValue: Hashable, Sendable {
  /// Names of members, one object inside the other.
  var path: [String]
  var value: JSONValue

  init(_ path: String..., to value: JSONValue) {
    self.path = path
    self.value = value
  }
}

/// What orders mean for one kind of workload: values, and nothing that is done.
///
/// Every bound is kept by what the specification says, and by nothing that Windlass would have to
/// do in time.
protocol WorkloadForm: Sendable {
  /// The fields below `spec`, besides the image, that orders write.
  var fields: [[String]] { get }

  /// The parts of `spec` that new instances are started from or that orders write.
  var parts: [String] { get }

  /// What an order that lets instances be replaced makes the workload say.
  ///
  /// - Throws: With `.stop` when no specification keeps the order's bound.
  func values(for aim: WorkloadAim, desired: Int) throws(StepFailure) -> [OrderedValue]

  /// What a hold makes it say; the others of `fields` stay as they are.
  func hold(_ live: KubernetesObject) -> [OrderedValue]

  /// What a hold has to remember, as annotations.
  func memory(_ live: KubernetesObject) -> [String: String]

  /// `spec` as it would be without a hold.
  func released(_ live: KubernetesObject) -> JSONValue

  /// The field that holds the controller back, while it does; nil without one.
  func brake(_ live: KubernetesObject) -> OrderedField?

  /// How many instances the workload's owner wants.
  func desired(_ live: KubernetesObject) -> Int
}

extension WorkloadForm {
  func memory(_ live: KubernetesObject) -> [String: String] { [:] }

  func released(_ live: KubernetesObject) -> JSONValue { live.body["spec"] ?? .object([]) }

  func desired(_ live: KubernetesObject) -> Int {
    // A server fills the number in; without one the default holds.
    Int(clamping: live.body["spec"]?["replicas"]?.integer ?? 1)
  }

  /// Changes whenever anything does that new instances are started from or that orders write.
  func revision(_ spec: JSONValue) -> String {
    let members = parts.compactMap { part -> JSONMember? in
      // A server leaves some zeros out.
      guard let value = spec[part], value != 0 else { return nil }
      return JSONMember(part, value)
    }
    return Fingerprint(.object(members)).text
  }
}

extension WorkloadPlace {
  /// What orders mean here.
  var form: any WorkloadForm {
    switch kind {
    case .deployment: DeploymentForm(settings: settings)
    case .statefulSet: StatefulSetForm(settings: settings)
    case .daemonSet: DaemonSetForm(settings: settings)
    }
  }

  /// All that orders write.
  var fields: [OrderedField] {
    [.image(of: container)] + form.fields.map { OrderedField(spec: $0) }
  }
}

extension WorkloadSettings {
  /// The stability in whole seconds, as `minReadySeconds` wants it.
  var readySeconds: Int64 { max(0, (stability.milliseconds + 999) / 1_000) }
}

extension WaveBound {
  /// How many instances of the release before may be gone.
  var replaced: Int { good + unavailable }
}

extension JSONValue {
  /// The value behind these names, one object inside the other.
  func value(behind path: [String]) -> JSONValue? {
    path.reduce(Optional(self)) { $0?[$1] }
  }
}
