package import WindlassCore
package import WindlassWire

/// A ManagedService of a cluster whose wish is understood and can be carried out.
///
/// By reference: it is large, and many keep it for as long as the service is there.
package final class ManagedService: Sendable {
  /// Namespace and name of the object.
  package let key: ObjectKey
  package let uid: String
  /// The newest generation of the object that is known to have had the wish.
  package let generation: Int64
  /// When the object was made, as the server wrote it.
  package let created: String
  /// The wish as it was written: the object's own, or that of an open run.
  package let wish: JSONValue
  package let spec: ManagedServiceSpec
  /// The workload that it is about.
  package let place: WorkloadPlace
  /// Tells the service's pods from others where somebody else owns the roll, and asks the gate when
  /// to begin; nil where Windlass rolls the workload.
  package let gated: PodSelector?
  /// What the core goes by.
  package let policy: ServicePolicy
  /// The engine's name in a manifest.
  package let engine: String
  /// The port on which a pod tells its version.
  package let port: Int

  /// Reads an object.
  ///
  /// - Parameter spec: The wish to go by instead of the object's own: that of an open run.
  /// - Throws: `ObjectError` for a wish that is none, or that this version does not carry out in a
  ///   cluster.
  package init(_ object: KubernetesObject, spec pinned: JSONValue? = nil) throws(ObjectError) {
    key = object.key
    uid = object.uid
    created = object.metadata["creationTimestamp"]?.string ?? ""
    let now = object.body["spec"] ?? .object([])
    wish = pinned ?? now
    // One that an open run has kept is of a generation that was told before.
    let told = object.body.value(at: "/status/observedGeneration")?.integer ?? 0
    generation = wish == now ? object.generation : min(told, object.generation)
    let spec = try ManagedServiceSpec.read(wish, at: "spec")
    try ManagedService.checkBuilt(spec)
    try WishLimits(spec: spec).check()
    self.spec = spec
    guard let engine = spec.database.engine else {
      throw ObjectError(
        "spec.database.engine", "is missing",
        allowed: "Write sqlite, postgres, mysql or cockroachdb: the daemon does not see the URL.")
    }
    self.engine = engine.rawValue
    let (kind, named) = try ManagedService.workload(of: spec.fleet)
    let field = "spec.fleet.\(kind.rawValue)"
    guard named.image == nil else {
      throw ObjectError(
        "\(field).image", "names an image by the version",
        allowed: "Leave it out: this version takes the image, with its digest, from the manifest.")
    }
    guard let port = named.port, (1...65_535).contains(port) else {
      throw ObjectError(
        "\(field).port", "is missing",
        allowed: "Write the port on which a pod tells its version.")
    }
    self.port = Int(port)
    gated = try named.gate.map { (gate) throws(ObjectError) in
      guard let selector = PodSelector(gate.pods) else {
        throw ObjectError(
          "\(field).gate.pods", "selects no pods",
          allowed: "Write labels, such as app=web or app in (web, web-primary).")
      }
      return selector
    }
    let rollout = spec.rollout.policy(kind)
    place = WorkloadPlace(
      kind, named.name, in: object.namespace ?? "default", container: named.container,
      settings: WorkloadSettings(rollout))
    policy = ServicePolicy(
      service: ServiceName(object.name), channel: spec.source.channel,
      versions: try ManagedService.range(spec.source.versions),
      minimumAge: spec.source.minimumAge, needsApproval: spec.policy.approval == .always,
      rollout: rollout, workload: gated == nil ? kind.shape : .signalled)
    // An open run goes on with what it began on.
    if pinned == nil { try workload.check(object, field: "\(field).name") }
  }

  /// Whether the object wishes for something else than this, but for a pause, which acts at once.
  package func isOtherwise(than object: KubernetesObject) -> Bool {
    let pause = ["policy", "paused"]
    let now = object.body["spec"] ?? .object([])
    return now.setting(pause, to: false) != wish.setting(pause, to: false)
  }

  package var name: ServiceName { policy.service }

  package var namespace: String { place.namespace }

  /// Where the server keeps it.
  package var reference: ObjectReference {
    ObjectReference(.managedServices, key.name, in: namespace)
  }

  /// What the Jobs and documents of the service belong to while no run is open.
  package var owner: StepOwner {
    StepOwner(.managedServices, name: key.name, uid: uid)
  }

  /// What it is adopted with.
  package var workload: AdoptedWorkload { AdoptedWorkload(place) }

  /// Whether fields of others may be taken over.
  package var adopts: Bool {
    guard gated == nil else { return false }
    let fleet = spec.fleet
    return (fleet.deployment ?? fleet.statefulSet ?? fleet.daemonSet)?.adopt ?? false
  }

  private static func workload(
    of fleet: FleetSpec
  ) throws(ObjectError) -> (WorkloadKind, WorkloadSpec) {
    let given: [(WorkloadKind, WorkloadSpec?)] = [
      (.deployment, fleet.deployment), (.statefulSet, fleet.statefulSet),
      (.daemonSet, fleet.daemonSet),
    ]
    let found = given.compactMap { kind, spec in spec.map { (kind, $0) } }
    guard found.count == 1, fleet.processes == nil, fleet.signal == nil else {
      throw ObjectError(
        "spec.fleet", "is not what the operator upgrades",
        allowed: "Write exactly one of deployment, statefulSet, daemonSet.")
    }
    return found[0]
  }

  private static func range(_ text: String) throws(ObjectError) -> VersionRange {
    guard let range = VersionRange(text) else {
      throw ObjectError(
        "spec.source.versions", "is no range of versions",
        allowed: "Allowed: such as >=1.0.0 <2.0.0, or *.")
    }
    return range
  }

  /// Refuses what the definition takes and no program does yet.
  private static func checkBuilt(_ spec: ManagedServiceSpec) throws(ObjectError) {
    guard spec.source.manifest != nil else {
      throw ObjectError(
        "spec.source", "has no manifest", allowed: "Write manifest: {url: …, publicKeys: […]}.")
    }
    guard spec.windows == nil else {
      throw ObjectError(
        "spec.windows", "is written beside a manifest",
        allowed: "Leave it out: the manifest says the windows.")
    }
    guard spec.database.urlFrom.secretKeyRef != nil else {
      throw ObjectError(
        "spec.database.urlFrom.secretKeyRef", "is missing",
        allowed: "In a cluster steps read the URL from a Secret of the same namespace.")
    }
    guard spec.database.engine != .sqlite else {
      throw ObjectError(
        "spec.database.engine", "is sqlite, a file that one node can reach",
        allowed: "This version's operator upgrades services on postgres, mysql and cockroachdb.")
    }
    for (index, replica) in (spec.database.replicas ?? []).enumerated() {
      guard spec.database.engine == .mysql else {
        throw ObjectError(
          "spec.database.replicas", "is written for another engine than mysql",
          allowed: "Leave it out: a server of that engine tells itself how far replicas are behind."
        )
      }
      guard replica.urlFrom.secretKeyRef != nil else {
        throw ObjectError(
          "spec.database.replicas[\(index)].urlFrom.secretKeyRef", "is missing",
          allowed: "In a cluster steps read the URL from a Secret of the same namespace.")
      }
    }
    guard spec.backup.volumeClaim != nil else {
      throw ObjectError(
        "spec.backup.volumeClaim", "is missing",
        allowed: "Name the claim that holds backups and evidence.")
    }
    guard spec.policy.onUnsafe == .block else {
      throw ObjectError(
        "spec.policy.onUnsafe", "is recreate", allowed: "This version knows block alone.")
    }
  }
}

extension RolloutSpec {
  /// The policy for a kind of workload; how many instances there are is never Windlass's word.
  fileprivate func policy(_ kind: WorkloadKind) -> RolloutPolicy {
    let inPlace = kind != .deployment
    return RolloutPolicy(
      replicas: 1, observe: observe, canary: Int(canary),
      maxUnavailable: Int(maxUnavailable ?? (inPlace ? 1 : 0)),
      maxSurge: Int(maxSurge ?? (inPlace ? 0 : 1)), stability: stability, soak: soak,
      progressDeadline: progressDeadline)
  }
}
