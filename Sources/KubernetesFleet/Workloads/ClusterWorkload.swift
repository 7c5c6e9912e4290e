package import WindlassCore
import WindlassWire

/// A Deployment, StatefulSet or DaemonSet whose controller keeps the instances of a service.
///
/// It reads from the API itself, without a version, which makes the server ask its storage. It
/// writes by server-side apply under the uid and the version that it has just read, so that a write
/// which is delayed, repeated or late changes nothing that it does not know.
package struct ClusterWorkload: WorkloadFleet {
  let client: KubernetesClient
  package let place: WorkloadPlace
  /// Whether a person lets fields be taken over that were adopted and have another manager.
  let adopts: Bool
  private let prober: any WaveProber
  private let ends: (any SeenEnds)?

  /// - Parameters:
  ///   - adopts: What the service's document says at `adopt`.
  ///   - prober: Reaches pods at their addresses.
  ///   - ends: Who watches pods, and tells of those that ended between two readings.
  package init(
    _ place: WorkloadPlace, of client: KubernetesClient, adopts: Bool = false,
    prober: any WaveProber, ends: (any SeenEnds)? = nil
  ) {
    self.place = place
    self.client = client
    self.adopts = adopts
    self.prober = prober
    self.ends = ends
  }

  package func observe(
    remembering machines: Set<String>
  ) async throws(StepFailure) -> WorkloadReading {
    let asOf = client.clock.now()
    let live = try await workload()
    guard image(in: live) != nil else { throw containerMissing }
    let sets = try await replicaSets(of: live)
    let pods = try await pods(of: live, sets)
    // After the pods: a boot that is too new keeps an instance from being taken for dead, one that
    // is too old would not.
    let nodes = try await Machine.all(
      Set(pods.compactMap(\.node)).union(machines), by: client)
    let instances = pods.map { $0.instance(among: nodes) }
    let ended = await ended(besides: pods, of: live, sets)
    return WorkloadReading(
      instances: instances + ended,
      machines: nodes.values.map(\.reading).sorted { $0.name < $1.name },
      template: try template(of: live), desired: place.form.desired(live),
      hold: try hold(on: live), isTakenIn: ([live] + sets).allSatisfy(\.isTakenIn),
      refusal: refusal(live, sets), token: try token(of: live), asOf: asOf)
  }

  package func probe(
    _ wave: [InstanceID], with probes: [Probe]
  ) async throws(StepFailure) -> [ProbeAnswer] {
    let live = try await workload()
    let pods = try await pods(of: live, try await replicaSets(of: live))
    return try await prober.probe(wave, among: pods, with: probes)
  }

  /// The digest of the image that the workload's template names now; nil for a tag alone.
  package func templateBuild() async throws(StepFailure) -> Digest? {
    guard let image = image(in: try await workload()) else { throw containerMissing }
    return Digest(ofImage: image)
  }

  // MARK: - Reading

  /// The workload itself.
  func workload() async throws(StepFailure) -> KubernetesObject {
    let client = client
    let reference = place.reference
    let found = try await asking { () async throws(APIError) in try await client.get(reference) }
    guard let found else {
      throw StepFailure(
        code: "WorkloadMissing", disposition: .wait,
        message: "There is no \(place). Create it, or name another one in spec.fleet.")
    }
    return found
  }

  /// The sets by which a Deployment keeps its pods.
  private func replicaSets(
    of live: KubernetesObject
  ) async throws(StepFailure) -> [KubernetesObject] {
    guard place.kind == .deployment else { return [] }
    return try await list(.replicaSets, of: live).filter { $0.controllerUID == live.uid }
  }

  /// Pods that are no more and whose end was seen.
  private func ended(
    besides listed: [Pod], of live: KubernetesObject, _ sets: [KubernetesObject]
  ) async -> [WorkloadInstance] {
    let there = Set(listed.map(\.identity.uid))
    let owners = Set([live.uid] + sets.map(\.uid))
    let isSelective = LabelSelector.text(live.body["spec"]?["selector"]) != nil
    return await (ends?.ended() ?? [])
      .filter { !there.contains($0.uid) && belongs($0, to: owners, isSelective) }
      .map { Pod(object: $0, container: place.container).instance(on: nil, answers: true) }
  }

  private func list(
    _ type: ResourceType, of live: KubernetesObject
  ) async throws(StepFailure) -> [KubernetesObject] {
    let selection = Selection(
      type, in: place.namespace, labels: LabelSelector.text(live.body["spec"]?["selector"]))
    let client = client
    let list = try await asking { () async throws(APIError) in try await client.list(selection) }
    return list.objects
  }

  private func pods(
    of live: KubernetesObject, _ sets: [KubernetesObject]
  ) async throws(StepFailure) -> [Pod] {
    let owners = Set([live.uid] + sets.map(\.uid))
    let isSelective = LabelSelector.text(live.body["spec"]?["selector"]) != nil
    return try await list(.pods, of: live)
      .filter { belongs($0, to: owners, isSelective) }
      .map { Pod(object: $0, container: place.container) }
      .sorted { $0.identity.name < $1.identity.name }
  }

  /// Whether a pod is one of the workload: it has its controller, or had one that is gone, such as
  /// a ReplicaSet that somebody deleted from over it.
  private func belongs(
    _ pod: KubernetesObject, to owners: Set<String>, _ isSelective: Bool
  ) -> Bool {
    let listed = pod.metadata["ownerReferences"]?.array ?? []
    guard let owner = listed.first(where: { $0["controller"] == true }) else { return isSelective }
    if owners.contains(owner["uid"]?.string ?? "") { return true }
    let name = owner["name"]?.string ?? ""
    switch place.kind {
    case .deployment:
      // The hash that ends the name of a Deployment's set has no hyphen.
      let stem = name.split(separator: "-").dropLast().joined(separator: "-")
      return isSelective && owner["kind"] == "ReplicaSet" && stem == place.name
    case .statefulSet, .daemonSet:
      return isSelective && owner["kind"]?.string == place.kind.type.kind && name == place.name
    }
  }

  // MARK: - What the workload says

  private func template(of live: KubernetesObject) throws(StepFailure) -> WorkloadTemplate {
    let form = place.form
    let revision = form.revision(form.released(live))
    let mark = try OrderMark.of(live, place)
    var editor: String?
    if mark != nil, live.annotations[WorkloadAnnotation.revision] != revision {
      let owners = FieldOwners(live)
      let since = owners.applied(by: client.fieldManager)?.time ?? ""
      editor = owners.editor(of: form.parts, besides: client.fieldManager, since: since)
    }
    return WorkloadTemplate(
      build: image(in: live).flatMap { Digest(ofImage: $0) }, revision: revision, mark: mark,
      editor: editor)
  }

  /// The image of the container that runs the service; nil when there is no such container.
  func image(in live: KubernetesObject) -> String? {
    live.body.value(behind: ["spec", "template", "spec", "containers"])?.array?
      .first { $0["name"]?.string == place.container }?["image"]?.string
  }

  /// Nothing tells which release a workload runs whose service is another container.
  var containerMissing: StepFailure {
    StepFailure(
      code: "ContainerMissing", disposition: .wait,
      message: "The pods of \(place) have no container \(place.container). Name the one that "
        + "runs the service in spec.fleet.")
  }

  func hold(on live: KubernetesObject) throws(StepFailure) -> WorkloadHold? {
    let isOrdered = try OrderMark.of(live, place)?.aim == .hold
    // Nothing of a DaemonSet is replaced by itself: the word is all that holds it.
    if place.kind == .daemonSet { return isOrdered ? .ours : nil }
    guard let field = place.form.brake(live) else { return nil }
    let owners = FieldOwners(live)
    let isOurs = owners.applied(by: client.fieldManager).map { field.isHeld(by: $0.fields) }
    if isOrdered, isOurs == true { return .ours }
    let others = owners.managers(of: field, besides: client.fieldManager)
    return .foreign(others.isEmpty ? "somebody" : others.joined(separator: ", "))
  }

  /// What its owner decides: the object, its specification, and the last order.
  func token(of live: KubernetesObject) throws(StepFailure) -> WorkloadToken {
    let mark = try OrderMark.of(live, place)
    return WorkloadToken("\(live.uid)/\(live.generation)/\(mark?.id.text ?? "")")
  }

  /// Why pods are missing, in the words of the controller that makes them.
  private func refusal(_ live: KubernetesObject, _ sets: [KubernetesObject]) -> String? {
    for object in sets.reversed() + [live] {
      let conditions = object.body["status"]?["conditions"]?.array ?? []
      guard
        let failure = conditions.first(where: {
          $0["type"] == "ReplicaFailure" && $0["status"] == "True"
        })
      else { continue }
      let words = [failure["reason"]?.string, failure["message"]?.string].compactMap { $0 }
      return APIError.printable(words.joined(separator: ": "))
    }
    return nil
  }
}

extension KubernetesObject {
  /// Whether its controller has seen all that is wished for.
  fileprivate var isTakenIn: Bool {
    (body["status"]?["observedGeneration"]?.integer ?? 0) >= generation
  }
}
