import WindlassCore
import WindlassWire

/// Annotations that orders leave on a workload.
enum WorkloadAnnotation {
  /// The last order, as JSON.
  static let order = "windlass.dev/order"
  /// The digest of the image to which the gate of a service is open, on the ManagedService.
  static let gate = "windlass.dev/gate"
  /// What the revision had to be after that order.
  static let revision = "windlass.dev/revision"
  /// The partition of a StatefulSet that is held, to which nothing but the hold was done.
  static let heldPartition = "windlass.dev/held-partition"
  /// Whose the fields were that were adopted, as JSON: managers by path.
  static let adopted = "windlass.dev/adopted"
  /// Of these, the paths that were taken over, as JSON; what was taken once is not taken again.
  static let taken = "windlass.dev/adopted-taken"
}

/// Labels that are left on a workload.
enum WorkloadLabel {
  /// The fence's number as it was taken last; orders carry their own. No annotation: a change of
  /// one counts as a new generation of a Deployment.
  static let epoch = "windlass.dev/epoch"
}

extension OrderMark {
  /// The mark as an annotation's text, bound to one object, so that a copy of it carries no order.
  func annotation(of uid: String) -> String {
    var members = [
      JSONMember("id", .string(id.text)), JSONMember("run", .string(run.text)),
      JSONMember("epoch", .integer(epoch.number)), JSONMember("aim", .string(aim.name)),
      JSONMember("of", .string(uid)),
    ]
    if case .wave(let bound) = aim {
      members += [
        JSONMember("good", .integer(Int64(bound.good))),
        JSONMember("surge", .integer(Int64(bound.surge))),
        JSONMember("unavailable", .integer(Int64(bound.unavailable))),
      ]
    }
    if let build { members.append(JSONMember("build", .string(build.text))) }
    return JSONValue.object(members).text
  }

  /// The last order that a workload remembers; nil when it never had one of its own.
  ///
  /// - Throws: With `.wait` when the annotation is none that an order left: nobody can tell then
  ///   which orders are too old.
  static func of(
    _ object: KubernetesObject, _ place: some CustomStringConvertible
  ) throws(StepFailure) -> OrderMark? {
    guard let text = object.annotations[WorkloadAnnotation.order] else { return nil }
    // A text that is no JSON at all is as unreadable as one that lacks a member.
    let value = try? JSONValue.parse(Array(text.utf8), limits: ClientBounds.documentLimits)
    guard let value, let owner = value["of"]?.string, let mark = OrderMark(value) else {
      throw StepFailure(
        code: "MarkUnreadable", disposition: .wait,
        message: "The annotation \(WorkloadAnnotation.order) of \(place) is not as Windlass left "
          + "it. Nothing is written to it until somebody removes the annotation.")
    }
    return owner == object.uid ? mark : nil
  }

  private init?(_ value: JSONValue) {
    guard let id = value["id"]?.string, let run = value["run"]?.string,
      let epoch = value["epoch"]?.integer, let name = value["aim"]?.string
    else { return nil }
    let count = { (name: String) in value[name]?.integer.flatMap { Int(exactly: $0) } }
    let aim: WorkloadAim
    switch name {
    case "whole": aim = .whole
    case "hold": aim = .hold
    case "retreat": aim = .retreat
    case "wave":
      guard let good = count("good"), let surge = count("surge"),
        let unavailable = count("unavailable")
      else { return nil }
      aim = .wave(WaveBound(good: good, surge: surge, unavailable: unavailable))
    default: return nil
    }
    self.init(
      id: EffectID(id), run: RunID(run), epoch: Epoch(epoch), aim: aim,
      build: value["build"]?.string.map { Digest($0) })
  }
}
