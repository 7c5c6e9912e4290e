import WindlassCore
import WindlassWire

/// When the controllers of workloads look at their objects, and how they write.
extension SimulatedAPIServer {
  /// How long a controller takes to notice something.
  private static let noticeDelay = Interval.milliseconds(8)

  /// How long a controller waits after the server refused an object that it wanted to make.
  private static let retryDelay = Interval.seconds(1)

  /// Plans a look at the workloads that a new, changed or deleted object concerns.
  mutating func noticeWorkload(of object: JSONValue, _ type: ResourceType) {
    let key = ObjectKey(
      resource: type.storage, namespace: object.namespace, name: object.name)
    if let controller = WorkloadController(rawValue: type.storage) { plan(controller, key) }
    if type.kind == "Node" {
      for other in store.index.keys(of: "daemonsets.apps", in: nil).sorted() {
        plan(.daemonSet, other)
      }
    }
    if let owner = object.controller { noticeOwner(owner, of: object) }
    guard type.kind == "Pod" else { return }
    for (other, budget) in store.objects(
      of: "poddisruptionbudgets.policy", namespace: object.namespace)
    where DisruptionTurn.selects(budget, object) {
      plan(.disruptionBudget, other)
    }
  }

  private mutating func noticeOwner(_ owner: JSONValue, of object: JSONValue) {
    let resources = [
      "Deployment": "deployments.apps", "ReplicaSet": "replicasets.apps",
      "StatefulSet": "statefulsets.apps", "DaemonSet": "daemonsets.apps",
    ]
    guard let resource = resources[owner["kind"]?.string ?? ""],
      let controller = WorkloadController(rawValue: resource)
    else { return }
    let key = ObjectKey(
      resource: resource, namespace: object.namespace, name: owner["name"]?.string ?? "")
    plan(controller, key)
    // A Deployment that replaces all pods at once waits for the last one to be gone.
    if controller == .replicaSet, let set = store.objects[key], let next = set.controller {
      noticeOwner(next, of: set)
    }
  }

  private mutating func plan(_ controller: WorkloadController, _ key: ObjectKey) {
    agenda.plan(.turn(controller, key), at: now + Self.noticeDelay)
  }

  /// Lets a controller look at an object and do what follows, unless controllers are led by hand.
  mutating func takeTurn(_ controller: WorkloadController, _ key: ObjectKey) {
    guard !areControllersLed else { return }
    let turn = controller.turn(key, view(at: nil))
    for write in turn.writes where !carryOut(write) {
      if case .create = write.deed {
        agenda.plan(.turn(controller, key), at: now + Self.retryDelay)
        writeRefusal(controller, key)
      } else {
        agenda.plan(.turn(controller, key), at: now + Self.noticeDelay)
      }
      return
    }
    if let again = turn.again {
      agenda.plan(.turn(controller, key), at: max(again, now + Self.noticeDelay))
    }
  }

  /// Lets every controller look at all of its objects.
  mutating func noticeAllWorkloads() {
    for resource in store.index.resources.sorted() {
      guard let controller = WorkloadController(rawValue: resource) else { continue }
      for key in store.index.keys(of: resource, in: nil).sorted() { plan(controller, key) }
    }
  }

  /// The cluster as it was at a version; nil for the present.
  func view(at version: Int64?) -> ClusterView {
    ClusterView(store: store, version: version, now: now, refusals: refusedPods)
  }

  /// Writes what a controller wants; returns false if something had changed in between.
  mutating func carryOut(_ write: ControllerWrite) -> Bool {
    guard let type = type(storage: write.key.resource) else { return false }
    let live = store.objects[write.key]
    switch write.deed {
    case .create(let body):
      var object = body
      object[member: "kind"] = .string(type.kind)
      let refusal = controllerCreate(object, in: write.key.namespace, by: Self.controllerName)
      noteRefusal(refusal, of: body, in: write.key.namespace)
      return refusal == nil
    case .delete(let uid):
      guard let live, live.uid == uid else { return false }
      _ = remove(live, write.key, type, DeleteOptions())
      return true
    case .update(let object): return put(object, over: live, write.key, type, nil)
    case .status(let object): return put(object, over: live, write.key, type, "status")
    case .latestStatus(let status):
      guard var object = live else { return false }
      object[member: "status"] = status
      return put(object, over: live, write.key, type, "status")
    }
  }

  /// Remembers why a pod of a ReplicaSet could not be made.
  private mutating func noteRefusal(
    _ refusal: String?, of body: JSONValue, in namespace: String
  ) {
    guard let owner = body.controller, owner["kind"] == "ReplicaSet" else { return }
    let key = ObjectKey(
      resource: "replicasets.apps", namespace: namespace, name: owner["name"]?.string ?? "")
    refusedPods[key] = refusal
  }

  /// Writes the status of a ReplicaSet whose pods could not be made, with the reason.
  private mutating func writeRefusal(_ controller: WorkloadController, _ key: ObjectKey) {
    guard controller == .replicaSet, let set = store.objects[key] else { return }
    let turn = ReplicaSetTurn(set, view(at: nil)).run()
    for write in turn.writes {
      if case .latestStatus = write.deed { _ = carryOut(write) }
    }
  }

  private static let controllerName = "kube-controller-manager"

  private mutating func put(
    _ object: JSONValue, over live: JSONValue?, _ key: ObjectKey, _ type: ResourceType,
    _ subresource: String?
  ) -> Bool {
    guard let live,
      object.at("metadata", "resourceVersion") == live.at("metadata", "resourceVersion")
    else { return false }
    var call = Call(
      request: APIRequest(
        method: "PUT", path: "/", headers: [HTTPHeader("User-Agent", Self.controllerName)]),
      user: .system)
    call.verb = "update"
    call.type = type
    call.namespace = key.namespace
    call.name = key.name
    call.subresource = subresource
    do throws(APIFailure) {
      _ = try replace(live, with: object, managed: nil, &call)
      return true
    } catch {
      return false
    }
  }
}
