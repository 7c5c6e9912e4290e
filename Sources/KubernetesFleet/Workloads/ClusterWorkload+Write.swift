package import WindlassCore
import WindlassWire

extension ClusterWorkload {
  package func write(_ order: WorkloadOrder) async throws(StepFailure) {
    try await say(order)
    for id in order.removing {
      // What no pod can be called is no pod that could be left.
      if let pod = PodIdentity(id) { try await remove(pod) }
    }
  }

  /// Writes what the order says, once.
  private func say(_ order: WorkloadOrder) async throws(StepFailure) {
    for _ in 0..<Self.attemptsMax {
      let live = try await workload()
      let mark = try OrderMark.of(live, place)
      if let mark, mark.epoch > order.epoch { throw fenceLost(order, mark) }
      if mark?.id == order.id { return }
      guard try token(of: live) == order.token, !live.isDeleting else { throw changed(order) }
      if try await apply(order, over: live) { return }
    }
    throw StepFailure(
      code: "WorkloadBusy", disposition: .retry,
      message: "\(place) was changed by its controller each of \(Self.attemptsMax) times that "
        + "order \(order.id) was to be written. Nothing was changed; it is tried again.")
  }

  /// Controllers write states all the time, each of which makes a version: so often it is read
  /// again, as long as its owner changed nothing.
  static let attemptsMax = 8

  /// Makes one attempt under the version that was read; false when it is another by now.
  private func apply(
    _ order: WorkloadOrder, over live: KubernetesObject
  ) async throws(StepFailure) -> Bool {
    let document = try document(of: order, over: live)
    do throws(APIError) {
      do throws(APIError) {
        _ = try await client.apply(document, as: place.kind.type)
      } catch {
        guard error.code == .ownedByOthers else { throw error }
        let paths = error.causes.map(\.field)
        guard let taking = adopting(paths, document, live) else { throw error }
        _ = try await client.apply(taking, as: place.kind.type, ownership: .taken)
      }
      return true
    } catch {
      return try await outcome(of: error, order, live)
    }
  }

  /// What became of an attempt that failed.
  private func outcome(
    of error: APIError, _ order: WorkloadOrder, _ live: KubernetesObject
  ) async throws(StepFailure) -> Bool {
    if error.mayHaveHappened {
      let now = try await workload()
      if try OrderMark.of(now, place)?.id == order.id { return true }
      throw StepFailure(
        code: "ReplyLost", disposition: .retry,
        message: "\(error) The order is not in force so far; should it arrive late, it is refused "
          + "once the workload has changed.")
    }
    if error.code == .conflict { return false }
    // Another object of that name: a uid can't be changed, as the server puts it.
    if error.code == .invalid, error.causes.contains(where: { $0.field == "metadata.uid" }) {
      return false
    }
    guard error.code == .ownedByOthers else { throw StepFailure(error) }
    // Who has which field is asked before the version: a change in between is told as a change.
    let now = try await workload()
    guard now.resourceVersion == live.resourceVersion else { return false }
    throw ownedByOthers(error, live)
  }

  // MARK: - The document

  /// What is applied: every field of ours, or it would be given up.
  private func document(
    of order: WorkloadOrder, over live: KubernetesObject
  ) throws(StepFailure) -> KubernetesObject {
    guard let present = image(in: live) else { throw containerMissing }
    var annotations = carried(from: live)
    var values: [OrderedValue]
    var image: String?
    let form = place.form
    var spec = form.released(live)
    if order.aim == .hold {
      values = kept(of: live) + form.hold(live)
      let own = FieldOwners(live).applied(by: client.fieldManager)
      if let own, OrderedField.image(of: place.container).isHeld(by: own.fields) {
        image = present
      }
      annotations.merge(form.memory(live)) { _, new in new }
    } else {
      guard let wanted = order.release.image, order.release.imageDigest != nil else {
        throw StepFailure(
          code: "NoImageDigest", disposition: .stop,
          message: "Release \(order.release.version) names no image by its digest. Publish a "
            + "manifest with image: …@sha256:….")
      }
      image = wanted
      values = try form.values(for: order.aim, desired: form.desired(live))
      for value in values { spec = spec.setting(value.path, to: value.value) }
      spec = spec.setting(image: wanted, of: place.container)
    }
    annotations[WorkloadAnnotation.order] = order.mark.annotation(of: live.uid)
    annotations[WorkloadAnnotation.revision] = form.revision(spec)
    return written(values, image, annotations, live)
  }

  /// The fields that are ours already, as they are.
  private func kept(of live: KubernetesObject) -> [OrderedValue] {
    guard let own = FieldOwners(live).applied(by: client.fieldManager) else { return [] }
    return place.form.fields.compactMap { path in
      guard OrderedField(spec: path).isHeld(by: own.fields),
        let value = live.body["spec"]?.value(behind: path)
      else { return nil }
      return OrderedValue(path, value)
    }
  }

  /// An apply of these fields, under the uid and the version that were read.
  ///
  /// With a uid the server never creates an object that is not there.
  func written(
    _ values: [OrderedValue], _ image: String?, _ annotations: [String: String],
    _ live: KubernetesObject
  ) -> KubernetesObject {
    var spec = JSONValue.object([])
    for value in values { spec = spec.setting(value.path, to: value.value) }
    if let image {
      spec = spec.setting(
        ["template", "spec", "containers"],
        to: [["name": .string(place.container), "image": .string(image)]])
    }
    var object = KubernetesObject(place.reference, [JSONMember("spec", spec)])
    let texts = annotations.sorted { $0.key < $1.key }
      .map { JSONMember($0.key, .string($0.value)) }
    object.body = object.body.setting(["metadata", "annotations"], to: .object(texts))
      .setting(["metadata", "uid"], to: .string(live.uid))
      .setting(["metadata", "resourceVersion"], to: .string(live.resourceVersion))
    return object
  }

  // MARK: - Removal

  private func remove(_ pod: PodIdentity) async throws(StepFailure) {
    let reference = ObjectReference(.pods, pod.name, in: place.namespace)
    do throws(APIError) {
      _ = try await client.delete(reference, .background, if: Preconditions(uid: pod.uid))
    } catch {
      guard error.code == .conflict else { throw StepFailure(error) }
      let client = client
      // A list of one: pods are listed anyhow, and this way no right to get them is needed.
      let named = Selection(.pods, in: place.namespace, fields: "metadata.name=\(pod.name)")
      let there = try await asking { () async throws(APIError) in try await client.list(named) }
      // A successor in its place is none of ours to remove.
      guard there.objects.contains(where: { $0.uid == pod.uid }) else { return }
      throw StepFailure(error)
    }
  }

  // MARK: - Failures

  private func fenceLost(_ order: WorkloadOrder, _ mark: OrderMark) -> StepFailure {
    StepFailure(
      code: "FenceLost", disposition: .stop,
      message: "\(place) has an order of epoch \(mark.epoch), and order \(order.id) is of epoch "
        + "\(order.epoch): another daemon has taken over. Nothing was changed.")
  }

  private func changed(_ order: WorkloadOrder) -> StepFailure {
    StepFailure(
      code: "WorkloadChanged", disposition: .wait,
      message: "\(place) is not as it was when order \(order.id) was decided. Nothing was changed; "
        + "it is read again.")
  }

  private func ownedByOthers(_ error: APIError, _ live: KubernetesObject) -> StepFailure {
    let owners = FieldOwners(live)
    let told = error.causes.map(\.field)
    let fields = place.fields.filter { told.contains($0.path) }
    let found = fields.map { ($0, owners.managers(of: $0, besides: client.fieldManager)) }
    return StepFailure(
      code: "FieldsOwned", disposition: .wait,
      message: fields.isEmpty
        ? error.description : "Nothing was written. " + OwnershipAdvice(place, found).text)
  }
}

extension OrderedValue {
  init(_ path: [String], _ value: JSONValue) {
    self.path = path
    self.value = value
  }
}

extension JSONValue {
  /// A specification with the image of one container of its template changed.
  fileprivate func setting(image: String, of container: String) -> JSONValue {
    let path = ["template", "spec", "containers"]
    let containers = (value(behind: path)?.array ?? []).map { one in
      one["name"]?.string == container ? one.setting("image", to: .string(image)) : one
    }
    return setting(path, to: .array(containers))
  }
}
