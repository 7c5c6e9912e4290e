import WindlassCore
import WindlassWire

extension SimulatedAPIServer {
  /// Makes a new object of what a request sends.
  mutating func create(_ call: inout Call) throws(APIFailure) -> APIResponse {
    try checkDryRun(call, "CreateOptions")
    let sent = try decode(&call)
    var object = completed(sent, call)
    try checkNamespace(of: object, call)
    try name(&object, &call)
    object = try admitted(object, call)
    let manager = call.writer("Update", at: now)
    var managed = ManagedFields(nil)
    managed.recordUpdate(
      call.type.schema.changes(from: call.type.blank, to: object.withoutManagedFields), by: manager,
      ignoring: call.type.ignoredFields(nil))
    let created = try insert(object, managed, &call)
    return .json(
      shown(created, call.type), status: 201, headers: call.warningHeaders)
  }

  /// Gives a new object its metadata, checks it and stores it.
  mutating func insert(
    _ object: JSONValue, _ managed: ManagedFields, _ call: inout Call
  ) throws(APIFailure) -> JSONValue {
    let type = call.type
    var object = object
    if type.has("status") || type.isCustom { resetStatus(&object, type) }
    stampNew(&object, call)
    prepareNew(&object, type)
    object.set(managed.json, at: ["metadata", "managedFields"])
    var faults: [FieldFault] = []
    if call.isForeignKind {
      faults.append(
        .invalid("kind", quoted(object["kind"]?.string ?? ""), "must be \(type.kind)"))
    }
    faults += metadataFaults(object, nil, type)
    if !call.isForeignKind { faults += schemaFaults(object, type) }
    faults += ruleFaults(object, nil, type, after: faults)
    faults += kindFaults(object, nil, type)
    guard faults.isEmpty else {
      throw type.invalid(
        object.at("metadata", "name")?.string ?? "", faults, kind: object["kind"]?.string)
    }
    try judge(object, nil, call)
    warnOfFinalizers(object, &call)
    if object.at("metadata", "resourceVersion") != nil {
      throw .unclassified("resourceVersion should not be set on objects to be created")
    }
    try checkPlace(object, call)
    guard !call.isDryRun else { return object }
    let key = call.key
    let stored = store.put(persisted(object, type), at: key, time: now)
    noticeCreation(of: stored, type)
    return stored
  }

  /// Refuses an object whose name is taken.
  private func checkPlace(_ object: JSONValue, _ call: Call) throws(APIFailure) {
    if call.type.definition?.isTerminating == true {
      throw call.type.forbidden(
        call.name ?? "", "create not allowed while custom resource definition is terminating")
    }
    if let other = store.objects[call.key] {
      throw call.type.alreadyExists(call.name ?? "", isTerminating: other.isTerminating)
    }
  }

  /// Refuses a namespace that is not there, goes, or is not the object's own.
  private func checkNamespace(of object: JSONValue, _ call: Call) throws(APIFailure) {
    guard call.type.isNamespaced, let namespace = call.namespace else { return }
    if let own = object.at("metadata", "namespace")?.string, !own.isEmpty, own != namespace {
      throw .badRequest(
        "the namespace of the provided object does not match the namespace sent on the request")
    }
    let key = ObjectKey(resource: "namespaces", namespace: "", name: namespace)
    let namespaces = type("namespaces", in: "", "v1")
    guard let found = store.objects[key] else {
      throw namespaces?.notFound(namespace) ?? .unknownResource
    }
    guard found.isTerminating else { return }
    throw call.type.forbidden(
      object.at("metadata", "name")?.string ?? "",
      "unable to create new content in namespace \(namespace) because it is being terminated",
      causes: [
        [
          "reason": "NamespaceTerminating", "field": "metadata.namespace",
          "message": .string("namespace \(namespace) is being terminated"),
        ]
      ])
  }

  /// Takes the name from the object, or makes one where only its beginning is given.
  private mutating func name(_ object: inout JSONValue, _ call: inout Call) throws(APIFailure) {
    var name = object.at("metadata", "name")?.string ?? ""
    if name.isEmpty, let beginning = object.at("metadata", "generateName")?.string,
      !beginning.isEmpty
    {
      name = beginning + makeSuffix()
    }
    if !name.isEmpty { object.set(.string(name), at: ["metadata", "name"]) }
    call.name = name
  }

  private mutating func stampNew(_ object: inout JSONValue, _ call: Call) {
    var metadata = object["metadata"] ?? .object([])
    for name in ["selfLink", "deletionTimestamp", "deletionGracePeriodSeconds", "generation"] {
      metadata[member: name] = nil
    }
    if call.type.isNamespaced { metadata[member: "namespace"] = .string(call.namespace ?? "") }
    metadata[member: "uid"] = .string(makeIdentity())
    metadata[member: "creationTimestamp"] = .string(now.rfc3339)
    if call.type.countsGenerations { metadata[member: "generation"] = 1 }
    object[member: "metadata"] = metadata
  }

  /// Refuses a dryRun parameter of another value than `All`.
  func checkDryRun(_ call: Call, _ options: String) throws(APIFailure) {
    let values = call.target.all("dryRun")
    guard values.allSatisfy({ $0 == "All" }) else {
      throw .invalidOptions(
        options,
        [.unsupported("dryRun", JSONValue.array(values.map(JSONValue.string)).text, ["All"])])
    }
  }

  /// An object as a client sees it: with the defaults that the schema has now.
  func shown(_ object: JSONValue, _ type: ResourceType) -> JSONValue {
    if type.isCustom { return type.schema.defaulted(object) }
    return shownBuiltIn(object, type)
  }
}

extension JSONValue {
  /// Whether the object is being deleted.
  var isTerminating: Bool { at("metadata", "deletionTimestamp") != nil }

  /// The object without the record of its owners, so that two states can be compared.
  var withoutManagedFields: JSONValue {
    var result = self
    result.set(nil, at: ["metadata", "managedFields"])
    return result
  }

  /// The object without what the server alone changes.
  var withoutVersion: JSONValue {
    var result = withoutManagedFields
    result.set(nil, at: ["metadata", "resourceVersion"])
    return result
  }

  /// The object's finalizers.
  var finalizers: [String] {
    at("metadata", "finalizers")?.elements.compactMap(\.string) ?? []
  }

  /// The object's uid.
  var uid: String { at("metadata", "uid")?.string ?? "" }
}

extension ResourceType {
  /// What an object is before anyone has written it.
  var blank: JSONValue {
    isCustom ? .object([]) : schema.empty
  }

  /// What a write to a subresource, or to the object itself, can't own.
  func ignoredFields(_ subresource: String?) -> FieldSet {
    if subresource == "status" {
      let labels: [FieldStep] = [.field("metadata"), .field("labels")]
      return isCustom
        ? FieldSet(members: [.field("spec"), .field("metadata")])
        : FieldSet(members: [.field("spec")]).union(FieldSet(path: labels))
    }
    return has("status") ? FieldSet(members: [.field("status")]) : FieldSet()
  }
}

extension FieldSet {
  /// A set of one field.
  init(path: [FieldStep]) {
    self.init()
    insert(path)
  }
}
