import WindlassCore
import WindlassWire

/// What happens to namespaces.
extension SimulatedAPIServer {
  private func namespaceKey(_ name: String) -> ObjectKey {
    ObjectKey(resource: "namespaces", namespace: "", name: name)
  }

  /// Puts into a namespace what each one has.
  mutating func furnishNamespace(_ name: String) {
    guard let namespace = store.objects[namespaceKey(name)], !namespace.isTerminating else {
      return
    }
    controllerCreate(
      [
        "kind": "ConfigMap", "data": ["ca.crt": "no certificate: nothing is encrypted here"],
        "metadata": [
          "name": "kube-root-ca.crt",
          "annotations": ["kubernetes.io/description": .string(Self.certificateText)],
        ],
      ], in: name, by: "kube-controller-manager")
    controllerCreate(
      ["kind": "ServiceAccount", "metadata": ["name": "default"]], in: name,
      by: "kube-controller-manager")
  }

  private static let certificateText =
    "Contains a CA bundle that can be used to verify the kube-apiserver when using internal "
    + "endpoints such as the internal service IP or kubernetes.default.svc. No other usage is "
    + "guaranteed across distributions of Kubernetes clusters."

  /// Marks a namespace for deletion.
  mutating func markNamespace(
    _ live: JSONValue, _ key: ObjectKey, _ options: DeleteOptions
  ) -> JSONValue? {
    guard !live.isTerminating else { return live }
    var object = live
    object.set(.string(now.rfc3339), at: ["metadata", "deletionTimestamp"])
    object.set("Terminating", at: ["status", "phase"])
    guard !options.isDryRun else { return object }
    agenda.plan(.emptyNamespace(key.name), at: now + .milliseconds(5_300))
    return store.put(object, at: key, time: now)
  }

  /// Deletes what is in a namespace, tells what is left, and lets the namespace go when it is
  /// empty.
  mutating func emptyNamespace(_ name: String) {
    let key = namespaceKey(name)
    for other in store.index.keys(in: name).sorted() {
      guard let object = store.objects[other], let type = type(storage: other.resource) else {
        continue
      }
      _ = remove(object, other, type, DeleteOptions())
    }
    guard let live = store.objects[key] else { return }
    let left = store.index.keys(in: name)
    var object = live
    let old = live.at("status", "conditions")?.elements ?? []
    object.set(
      .array(conditions(left).map { keepingTime($0, old) }), at: ["status", "conditions"])
    controllerWrite(
      object, over: live, key, by: "kube-controller-manager", subresource: "status")
    if left.isEmpty {
      store.remove(key, time: now)
    } else {
      agenda.plan(.emptyNamespace(name), at: now + .milliseconds(5_250))
    }
  }

  private func conditions(_ left: [ObjectKey]) -> [JSONValue] {
    let counts = Dictionary(grouping: left, by: \.resource).mapValues(\.count)
    let remaining = counts.sorted { $0.key < $1.key }.map { resource, count in
      let name = resource.contains(".") ? resource : resource + "."
      return "\(name) has \(count) resource instances"
    }
    let finalizers = Dictionary(
      grouping: left.flatMap { store.objects[$0]?.finalizers ?? [] }, by: { $0 }
    ).mapValues(\.count).sorted { $0.key < $1.key }.map {
      "\($0.key) in \($0.value) resource instances"
    }
    let list = { (texts: [String]) in texts.joined(separator: ", ") }
    return [
      condition(
        "NamespaceDeletionDiscoveryFailure", false, "ResourcesDiscovered",
        "All resources successfully discovered"),
      condition(
        "NamespaceDeletionGroupVersionParsingFailure", false, "ParsedGroupVersions",
        "All legacy kube types successfully parsed"),
      condition(
        "NamespaceDeletionContentFailure", false, "ContentDeleted",
        "All content successfully deleted, may be waiting on finalization"),
      remaining.isEmpty
        ? condition(
          "NamespaceContentRemaining", false, "ContentRemoved",
          "All content successfully removed")
        : condition(
          "NamespaceContentRemaining", true, "SomeResourcesRemain",
          "Some resources are remaining: " + list(remaining)),
      finalizers.isEmpty
        ? condition(
          "NamespaceFinalizersRemaining", false, "ContentHasNoFinalizers",
          "All content-preserving finalizers finished")
        : condition(
          "NamespaceFinalizersRemaining", true, "SomeFinalizersRemain",
          "Some content in the namespace has finalizers remaining: " + list(finalizers)),
    ]
  }

  private func condition(
    _ type: String, _ status: Bool, _ reason: String, _ message: String
  ) -> JSONValue {
    [
      "lastTransitionTime": .string(now.rfc3339), "message": .string(message),
      "reason": .string(reason), "status": status ? "True" : "False", "type": .string(type),
    ]
  }

  /// A condition whose status has not changed keeps its time.
  private func keepingTime(_ condition: JSONValue, _ old: [JSONValue]) -> JSONValue {
    guard let before = old.first(where: { $0["type"] == condition["type"] }),
      before["status"] == condition["status"]
    else { return condition }
    var kept = condition
    kept[member: "lastTransitionTime"] = before["lastTransitionTime"]
    return kept
  }
}
