import WindlassCore
import WindlassWire

/// What happens to definitions of custom resources.
extension SimulatedAPIServer {
  /// A definition with the names that were left out.
  func completedDefinition(_ object: JSONValue) -> JSONValue {
    var object = object
    let kind = object.at("spec", "names", "kind")?.string ?? ""
    for (name, value) in [("singular", kind.lowercased()), ("listKind", kind + "List")]
    where object.at("spec", "names", name) == nil {
      object.set(.string(value), at: ["spec", "names", name])
    }
    if object.at("spec", "conversion") == nil {
      object.set("None", at: ["spec", "conversion", "strategy"])
    }
    return object
  }

  /// What is wrong with a definition.
  func definitionFaults(_ object: JSONValue) -> [FieldFault] {
    let spec = object["spec"] ?? .object([])
    let name = object.at("metadata", "name")?.string ?? ""
    let plural = spec.at("names", "plural")?.string ?? ""
    let group = spec["group"]?.string ?? ""
    var faults: [FieldFault] = []
    if name != "\(plural).\(group)" {
      faults.append(
        .invalid("metadata.name", quoted(name), "must be spec.names.plural+\".\"+spec.group"))
    }
    for version in spec["versions"]?.elements ?? [] {
      guard let schema = version.at("schema", "openAPIV3Schema") else { continue }
      faults += structureFaults(schema, "spec.validation.openAPIV3Schema")
    }
    return faults
  }

  /// Where a schema says nothing about the type of a field.
  private func structureFaults(_ schema: JSONValue, _ path: String) -> [FieldFault] {
    var faults: [FieldFault] = []
    let isOpen =
      schema["x-kubernetes-int-or-string"] == .bool(true)
      || schema["x-kubernetes-preserve-unknown-fields"] == .bool(true)
    if schema["type"] == nil, !isOpen {
      faults.append(
        .required("\(path).type", "must not be empty for specified object fields"))
    }
    for property in schema["properties"]?.members ?? [] {
      faults += structureFaults(property.value, "\(path).properties[\(property.name)]")
    }
    if let items = schema["items"] { faults += structureFaults(items, "\(path).items") }
    return faults
  }

  // MARK: - Coming

  /// Accepts the names of a definition, then establishes it.
  mutating func establishDefinition(_ name: String) {
    let key = definitionKey(name)
    for isEstablished in [false, true] {
      guard let live = store.objects[key], !live.isTerminating else { return }
      var object = live
      object.set(live.at("spec", "names"), at: ["status", "acceptedNames"])
      object.set(
        [
          condition("NamesAccepted", true, "NoConflicts", "no conflicts found"),
          condition(
            "Established", isEstablished,
            isEstablished ? "InitialNamesAccepted" : "Installing",
            "the initial names have been accepted"),
        ], at: ["status", "conditions"])
      controllerWrite(object, over: live, key, by: "kube-apiserver", subresource: "status")
    }
    readDefinitions(changed: name)
  }

  private func condition(
    _ type: String, _ status: Bool, _ reason: String, _ message: String
  ) -> JSONValue {
    [
      "lastTransitionTime": .string(now.rfc3339), "message": .string(message),
      "reason": .string(reason), "status": status ? "True" : "False", "type": .string(type),
    ]
  }

  private func definitionKey(_ name: String) -> ObjectKey {
    ObjectKey(
      resource: "customresourcedefinitions.apiextensions.k8s.io", namespace: "", name: name)
  }

  /// Serves what the definitions say now; the history of a changed one begins anew.
  mutating func readDefinitions(changed name: String) {
    let definitions = store.objects(
      of: "customresourcedefinitions.apiextensions.k8s.io", namespace: nil
    ).filter { entry in
      (entry.object.at("status", "conditions")?.elements ?? []).contains {
        $0["type"] == "Established" && $0["status"] == "True"
      }
    }
    customTypes = definitions.flatMap { ResourceType.custom($0.object) }
    cacheStarts[name] = store.revision
  }

  // MARK: - Going

  /// Marks a definition for deletion.
  mutating func markDefinition(
    _ live: JSONValue, _ key: ObjectKey, _ options: DeleteOptions
  ) -> JSONValue? {
    guard !live.isTerminating else { return live }
    var object = live
    object.set(.string(now.rfc3339), at: ["metadata", "deletionTimestamp"])
    object.set(
      ["customresourcecleanup.apiextensions.k8s.io"], at: ["metadata", "finalizers"])
    setTerminating(
      &object, "InstanceDeletionPending",
      "CustomResourceDefinition marked for deletion; CustomResource deletion will begin soon")
    guard !options.isDryRun else { return object }
    let stored = store.put(object, at: key, time: now)
    let starts = cacheStarts[key.name]
    readDefinitions(changed: key.name)
    cacheStarts[key.name] = starts
    agenda.plan(.emptyDefinition(key.name), at: now + .milliseconds(80))
    return stored
  }

  private func setTerminating(_ object: inout JSONValue, _ reason: String, _ message: String) {
    let others = (object.at("status", "conditions")?.elements ?? []).filter {
      $0["type"] != "Terminating"
    }
    object.set(
      .array(others + [condition("Terminating", true, reason, message)]),
      at: ["status", "conditions"])
  }

  /// Deletes the objects of a definition that goes.
  mutating func emptyDefinition(_ name: String) {
    let key = definitionKey(name)
    guard let live = store.objects[key], live.isTerminating else { return }
    var object = live
    setTerminating(
      &object, "InstanceDeletionInProgress", "CustomResource deletion is in progress")
    controllerWrite(object, over: live, key, by: "kube-apiserver", subresource: "status")
    if let type = customTypes.first(where: { $0.definition?.name == name }) {
      for entry in store.objects(of: type.storage, namespace: nil) {
        _ = remove(entry.object, entry.key, type, DeleteOptions())
      }
    }
    agenda.plan(.finishDefinition(name), at: now + .milliseconds(5_100))
  }

  /// Lets a definition go when its objects are gone, or looks again later.
  mutating func finishDefinition(_ name: String) {
    guard store.objects(of: name, namespace: nil).isEmpty else {
      agenda.plan(.finishDefinition(name), at: now + .seconds(5))
      return
    }
    store.remove(definitionKey(name), time: now)
    readDefinitions(changed: name)
    endWatches(of: name, after: .seconds(1))
  }
}

extension ResourceType {
  /// The resources that a definition describes, one for each version that is served.
  static func custom(_ definition: JSONValue) -> [ResourceType] {
    let spec = definition["spec"] ?? .object([])
    let text = { (path: [String]) in spec.at(path)?.string ?? "" }
    let list = { (name: String) in
      spec.at("names", name)?.elements.compactMap(\.string) ?? []
    }
    let served = (spec["versions"]?.elements ?? []).filter { $0["served"] == .bool(true) }
    return served.map { version in
      var type = ResourceType(
        group: text(["group"]), version: version["name"]?.string ?? "",
        plural: text(["names", "plural"]), singular: text(["names", "singular"]),
        kind: text(["names", "kind"]), listKind: text(["names", "listKind"]),
        isNamespaced: text(["scope"]) == "Namespaced",
        verbs: [
          "delete", "deletecollection", "get", "list", "patch", "create", "update", "watch",
        ], shortNames: list("shortNames"), categories: list("categories"))
      type.readVersion(version, definition)
      return type
    }
  }

  private mutating func readVersion(_ version: JSONValue, _ definition: JSONValue) {
    schema = FieldSchema(openAPI: version.at("schema", "openAPIV3Schema") ?? .object([]))
    schema.properties["apiVersion"] = FieldSchema(type: "string")
    schema.properties["kind"] = FieldSchema(type: "string")
    schema.properties["metadata"] = BuiltInSchemas.metadata
    let verbs = ["get", "patch", "update"]
    if version.at("subresources", "status") != nil {
      subresources.append(
        Subresource(name: "status", group: "", version: "", kind: kind, verbs: verbs))
    }
    let scale = version.at("subresources", "scale")
    if scale != nil {
      subresources.append(
        Subresource(
          name: "scale", group: "autoscaling", version: "v1", kind: "Scale", verbs: verbs))
    }
    let path = { (value: JSONValue?) -> [String] in
      (value?.string ?? "").split(separator: ".").map(String.init)
    }
    self.definition = CustomDefinition(
      name: definition.at("metadata", "name")?.string ?? "",
      columns: version["additionalPrinterColumns"]?.elements ?? [],
      selectableFields: (version["selectableFields"]?.elements ?? []).map { path($0["jsonPath"]) },
      scale: scale.map {
        ScalePaths(
          specReplicas: path($0["specReplicasPath"]),
          statusReplicas: path($0["statusReplicasPath"]),
          labelSelector: $0["labelSelectorPath"].map { path($0) })
      }, isTerminating: definition.isTerminating)
  }
}
