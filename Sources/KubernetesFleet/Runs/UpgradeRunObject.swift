import WindlassCore
import WindlassWire

/// The object of one run, as it is made when the run begins.
enum UpgradeRunObject {
  /// The object of a plan's run.
  ///
  /// - Throws: `PlanTooLarge` for a plan that an object can't hold.
  static func of(
    _ plan: Plan, owner: JournalChapter.Leaf, in namespace: String
  ) throws(StepFailure) -> KubernetesObject {
    let text = StepCoding.text(plan)
    guard text.utf8.count <= RunBounds.planSizeMax else {
      throw JournalTrouble.planTooLarge(plan.run, text.utf8.count)
    }
    let spec: JSONValue = [
      "service": .string(owner.reference.name),
      "from": .string(plan.source.map { "\($0.version)" } ?? ""),
      "to": .string("\(plan.target.version)"), "plan": .string(text),
      "planDigest": .string("sha256:" + StepDigest.of(text).text),
    ]
    let labels: JSONValue = .object([
      JSONMember("app.kubernetes.io/managed-by", "windlass"),
      JSONMember(StepLabel.service, .string(StepName.label(owner.reference.name))),
    ])
    let holder = StepOwner(.managedServices, name: owner.reference.name, uid: owner.uid)
    var object = KubernetesObject(
      ObjectReference(.upgradeRuns, plan.run.text, in: namespace), [JSONMember("spec", spec)])
    object.body = object.body.setting(["metadata", "labels"], to: labels)
      .setting(["metadata", "ownerReferences"], to: .array([holder.reference]))
    return object
  }

  /// Whether a run that is there has pinned what another one is to pin.
  static func pins(_ found: KubernetesObject, asMuchAs wanted: KubernetesObject) -> Bool {
    ["service", "from", "to", "plan", "planDigest"].allSatisfy {
      found.body["spec"]?[$0] == wanted.body["spec"]?[$0]
    }
  }
}
