package import WindlassCore
import WindlassWire

/// The pods of a service whose roll somebody else owns: Argo Rollouts, Flagger, or whatever sets an
/// image.
///
/// It writes nothing to a workload. An order is an open gate: the ManagedService remembers, in
/// annotations, to which image it is open and by which order, and whoever owns the roll asks before
/// a pod is started. Pods are known by their labels alone, whoever made them.
package struct GatedWorkload: WorkloadFleet {
  private let client: KubernetesClient
  private let service: ObjectReference
  private let selector: PodSelector
  private let container: String
  private let prober: any WaveProber
  private let ends: (any SeenEnds)?

  /// - Parameters:
  ///   - service: The ManagedService, which remembers the gate.
  ///   - selector: Tells the service's pods from others.
  ///   - container: The container that runs the service.
  ///   - prober: Reaches pods at their addresses.
  ///   - ends: Who watches pods, and tells of those that ended between two readings.
  package init(
    of service: ObjectReference, pods selector: PodSelector, container: String,
    by client: KubernetesClient, prober: any WaveProber, ends: (any SeenEnds)? = nil
  ) {
    self.client = client
    self.service = service
    self.selector = selector
    self.container = container
    self.prober = prober
    self.ends = ends
  }

  package func observe(
    remembering machines: Set<String>
  ) async throws(StepFailure) -> WorkloadReading {
    let asOf = client.clock.now()
    let live = try await live()
    let mark = try OrderMark.of(live, service)
    let pods = try await pods()
    // After the pods: a boot that is too new keeps an instance from being taken for dead.
    let nodes = try await Machine.all(
      Set(pods.compactMap(\.node)).union(machines), by: client)
    let ended = await ended(besides: pods)
    let build = live.annotations[WorkloadAnnotation.gate]
    return WorkloadReading(
      instances: pods.map { $0.instance(among: nodes) } + ended,
      machines: nodes.values.map(\.reading).sorted { $0.name < $1.name },
      template: WorkloadTemplate(
        build: build.map { Digest($0) }, revision: build ?? "", mark: mark),
      desired: pods.count { !$0.isEnded && !$0.object.isDeleting },
      hold: mark?.aim == .hold ? .ours : nil, token: token(of: live, mark), asOf: asOf)
  }

  package func probe(
    _ wave: [InstanceID], with probes: [Probe]
  ) async throws(StepFailure) -> [ProbeAnswer] {
    try await prober.probe(wave, among: try await pods(), with: probes)
  }

  // MARK: - Reading

  private func live() async throws(StepFailure) -> KubernetesObject {
    let client = client
    let service = service
    let found = try await asking { () async throws(APIError) in try await client.get(service) }
    guard let found else {
      throw StepFailure(
        code: "WorkloadMissing", disposition: .wait,
        message: "There is no \(service), which remembers its gate.")
    }
    return found
  }

  /// The service's pods; those of Windlass's own steps are none.
  private func pods() async throws(StepFailure) -> [Pod] {
    let client = client
    let selection = Selection(
      .pods, in: service.namespace, labels: "\(selector),\(StepFeed.othersSelector)")
    let list = try await asking { () async throws(APIError) in try await client.list(selection) }
    guard !list.objects.isEmpty else {
      throw StepFailure(
        code: "NoPods", disposition: .wait,
        message: "No pod of namespace \(service.namespace ?? "default") has the labels "
          + "\(selector). Name those of the service in spec.fleet, or scale it to at least 1.")
    }
    return list.objects.map { Pod(object: $0, container: container) }
      .sorted { $0.identity.name < $1.identity.name }
  }

  /// Pods that are no more and whose end was seen.
  private func ended(besides listed: [Pod]) async -> [WorkloadInstance] {
    let there = Set(listed.map(\.identity.uid))
    return await (ends?.ended() ?? [])
      .filter { !there.contains($0.uid) && selector.selects($0.labels) }
      .map { Pod(object: $0, container: container).instance(on: nil, answers: true) }
  }

  /// What is decided about the gate: the object, and the last order.
  private func token(of live: KubernetesObject, _ mark: OrderMark?) -> WorkloadToken {
    WorkloadToken("\(live.uid)/\(mark?.id.text ?? "")")
  }
}

// MARK: - The gate

extension GatedWorkload {
  /// The gate is shared with whoever writes the ManagedService's status: so often it is read again,
  /// as long as nobody else gave an order.
  private static let attemptsMax = 8

  package func write(_ order: WorkloadOrder) async throws(StepFailure) {
    for _ in 0..<Self.attemptsMax {
      let live = try await live()
      let mark = try OrderMark.of(live, service)
      if let mark, mark.epoch > order.epoch { throw fenceLost(order, mark) }
      if mark?.id == order.id { return }
      guard token(of: live, mark) == order.token, !live.isDeleting else { throw changed(order) }
      if try await open(for: order, over: live) { return }
    }
    throw StepFailure(
      code: "WorkloadBusy", disposition: .retry,
      message: "\(service) was changed by others each of \(Self.attemptsMax) times that order "
        + "\(order.id) was to be written. Nothing was changed; it is tried again.")
  }

  /// Makes one attempt under the version that was read; false when it is another by now.
  private func open(
    for order: WorkloadOrder, over live: KubernetesObject
  ) async throws(StepFailure) -> Bool {
    var texts = [WorkloadAnnotation.order: order.mark.annotation(of: live.uid)]
    if order.aim != .hold {
      guard let build = order.release.imageDigest else {
        throw StepFailure(
          code: "NoImageDigest", disposition: .stop,
          message: "Release \(order.release.version) names no image by its digest. Publish a "
            + "manifest with image: …@sha256:….")
      }
      texts[WorkloadAnnotation.gate] = build.text
    }
    let change: JSONValue = ["metadata": ["annotations": JSONValue(texts: texts)]]
    do throws(APIError) {
      _ = try await client.patch(service, .merge(change), if: live.unchanged)
      return true
    } catch {
      if error.code == .conflict { return false }
      guard error.mayHaveHappened else { throw StepFailure(error) }
      if try OrderMark.of(try await self.live(), service)?.id == order.id { return true }
      throw StepFailure(
        code: "ReplyLost", disposition: .retry,
        message: "\(error) The order is not in force so far; should it arrive late, it is refused "
          + "once the service has changed.")
    }
  }

  /// Writes the fence's number on the ManagedService, so that what an earlier leader sent about the
  /// gate, and what is still on its way, is refused when it arrives.
  ///
  /// - Throws: What the server says; then nobody knows whether the bar is there.
  package func bar(under epoch: Epoch) async throws(StepFailure) {
    for _ in 0..<Self.attemptsMax {
      let live = try await live()
      guard live.labels[WorkloadLabel.epoch] != epoch.description else { return }
      let labels = [WorkloadLabel.epoch: epoch.description]
      let change: JSONValue = ["metadata": ["labels": JSONValue(texts: labels)]]
      do throws(APIError) {
        _ = try await client.patch(service, .merge(change), if: live.unchanged)
        return
      } catch {
        guard error.code == .conflict || error.mayHaveHappened else { throw StepFailure(error) }
      }
    }
    throw StepFailure(
      code: "WorkloadBusy", disposition: .retry,
      message: "\(service) was changed by others each of \(Self.attemptsMax) times that the "
        + "fence's number was to be written on it. It is tried again.")
  }

  private func fenceLost(_ order: WorkloadOrder, _ mark: OrderMark) -> StepFailure {
    StepFailure(
      code: "FenceLost", disposition: .stop,
      message: "The gate of \(service) has an order of epoch \(mark.epoch), and order \(order.id) "
        + "is of epoch \(order.epoch): another daemon has taken over. Nothing was changed.")
  }

  private func changed(_ order: WorkloadOrder) -> StepFailure {
    StepFailure(
      code: "WorkloadChanged", disposition: .wait,
      message: "The gate of \(service) is not as it was when order \(order.id) was decided. "
        + "Nothing was changed; it is read again.")
  }
}
