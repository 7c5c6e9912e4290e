import WindlassCore
import WindlassWire

/// What the control plane notices of writes, and how it writes itself.
extension SimulatedAPIServer {
  /// Plans what follows from a new object.
  mutating func noticeCreation(of object: JSONValue, _ type: ResourceType) {
    let name = object.at("metadata", "name")?.string ?? ""
    switch type.kind {
    case "Namespace": agenda.plan(.furnishNamespace(name), at: now)
    case "CustomResourceDefinition":
      agenda.plan(.establish(definition: name), at: now + .milliseconds(20))
    default: noticeJob(of: object, type)
    }
    noticeWorkload(of: object, type)
    if object.at("metadata", "ownerReferences") != nil {
      agenda.plan(.collect, at: now + Self.collectorDelay)
    }
  }

  /// Plans what follows from a change.
  mutating func noticeChange(
    of object: JSONValue, from old: JSONValue, _ type: ResourceType
  ) {
    if type.kind == "CustomResourceDefinition", object["spec"] != old["spec"] {
      let name = object.at("metadata", "name")?.string ?? ""
      readDefinitions(changed: name)
      endWatches(of: name, after: .seconds(1))
    }
    noticeJob(of: object, type)
    noticeWorkload(of: object, type)
    let owners = object.at("metadata", "ownerReferences")
    let isHeld = !Set(object.finalizers).isDisjoint(with: ["foregroundDeletion", "orphan"])
    if owners != old.at("metadata", "ownerReferences") || (object.isTerminating && isHeld) {
      agenda.plan(.collect, at: now + Self.collectorDelay)
    }
  }

  /// Plans what follows from a deletion.
  mutating func noticeDeletion(of object: JSONValue, _ type: ResourceType) {
    agenda.plan(.collect, at: now + Self.collectorDelay)
    noticeJob(of: object, type)
    noticeWorkload(of: object, type)
    if type.kind == "ServiceAccount" {
      agenda.plan(.voidTokens(object.uid), at: now + .seconds(10))
    }
    if type.kind == "ConfigMap" || type.kind == "ServiceAccount" {
      let namespace = object.at("metadata", "namespace")?.string ?? ""
      agenda.plan(.furnishNamespace(namespace), at: now + .milliseconds(5))
    }
  }

  /// How long the garbage collector takes to notice something.
  private static let collectorDelay = Interval.milliseconds(16)

  /// Writes as a part of the control plane does.
  mutating func controllerWrite(
    _ object: JSONValue, over live: JSONValue, _ key: ObjectKey, by manager: String,
    subresource: String = ""
  ) {
    guard let type = type(storage: key.resource) else { return }
    var owners = ManagedFields(live.at("metadata", "managedFields"))
    let ignored = subresource == "status" ? FieldSet(members: [.field("spec")]) : FieldSet()
    owners.recordUpdate(
      type.schema.changes(from: live.withoutVersion, to: object.withoutVersion),
      by: ManagedFields.Entry(
        manager: manager, operation: "Update", apiVersion: type.groupVersion,
        subresource: subresource, time: now.rfc3339, set: FieldSet()), ignoring: ignored)
    var written = object
    written.set(owners.json, at: ["metadata", "managedFields"])
    guard written != live else { return }
    _ = store.put(written, at: key, time: now)
  }

  /// Makes an object as a part of the control plane does.
  ///
  /// - Returns: why the server refused it; nil when it was made.
  @discardableResult
  mutating func controllerCreate(
    _ body: JSONValue, in namespace: String, by manager: String
  ) -> String? {
    let kind = body["kind"]?.string ?? ""
    guard let type = BuiltInResources.all.first(where: { $0.kind == kind }) else { return nil }
    var call = Call(
      request: APIRequest(
        method: "POST", path: "/", headers: [HTTPHeader("User-Agent", manager)], body: body.bytes),
      user: .system)
    call.verb = "create"
    call.type = type
    call.namespace = namespace
    do throws(APIFailure) {
      _ = try create(&call)
      return nil
    } catch {
      // It exists, its namespace goes, or admission refuses it: the controller comes back to it.
      return error.message
    }
  }
}
