import WindlassWire

extension KubernetesObject {
  /// The object without whose fields are whose and without a journal's records: most of what an
  /// object is made of, and nobody reads it in a copy.
  package var trimmed: KubernetesObject {
    let metadata = metadata.setting("managedFields", to: nil)
    var body = body.setting("metadata", to: metadata)
    if let status = body["status"], status["journal"] != nil {
      body = body.setting("status", to: status.setting("journal", to: nil))
    }
    return KubernetesObject(body.compact)
  }

  /// What tells a Job from others and whose it is: of a copy only is asked whether it changed.
  package var trimmedJob: KubernetesObject {
    KubernetesObject(
      .object([JSONMember("metadata", metadata.keeping(Kept.jobMetadata).compact)]))
  }

  /// A pod with no more than `Pod`, `PodSighting`, `WorkloadNews` and `StepFeed` read.
  package var trimmedPod: KubernetesObject {
    var members = [JSONMember("metadata", metadata.keeping(Kept.podMetadata))]
    if let spec = body["spec"] {
      let kept = spec.keeping(Kept.podSpec)
        .mapping(Kept.containers) { $0.keeping(Kept.container) }
      members.append(JSONMember("spec", kept))
    }
    if let status = body["status"] {
      let kept = status.keeping(Kept.podStatus)
        .mapping(Kept.containerStatuses) { $0.keeping(Kept.containerStatus) }
        .filtering("conditions") { Kept.conditions.contains($0["type"]?.string ?? "") }
      members.append(JSONMember("status", kept))
    }
    return KubernetesObject(JSONValue.object(members).compact)
  }

  /// A pod as it is kept where nobody asks for it: whose it is, and whether it ever had a place.
  ///
  /// It never looks like a pod that has ended, unless that is one which was to go before it had a
  /// place.
  package var podOutline: KubernetesObject {
    let place = (body["spec"] ?? .object([])).keeping(["nodeName"])
    let outline: JSONValue = .object([
      JSONMember("metadata", metadata.keeping(Kept.podMetadata)), JSONMember("spec", place),
    ])
    return KubernetesObject(outline.compact)
  }

  private enum Kept {
    static let jobMetadata = ["name", "namespace", "uid", "resourceVersion", "labels"]
    static let podMetadata = jobMetadata + ["deletionTimestamp", "ownerReferences"]
    static let podSpec = ["nodeName"] + containers
    static let containers = ["containers", "initContainers"]
    static let container = ["name", "image", "restartPolicy"]
    static let podStatus =
      ["phase", "podIP", "reason", "message", "conditions"] + containerStatuses
    static let containerStatuses = ["containerStatuses", "initContainerStatuses"]
    static let containerStatus = ["name", "state", "lastState", "restartCount", "image", "imageID"]
    static let conditions = ["Ready", "PodScheduled", "DisruptionTarget"]
  }
}

extension JSONValue {
  /// An object with these members of it alone.
  fileprivate func keeping(_ names: [String]) -> JSONValue {
    guard case .object(let members) = self else { return self }
    return .object(members.filter { names.contains($0.name) })
  }

  /// An object with each element of these arrays in another form.
  fileprivate func mapping(
    _ names: [String], _ change: (JSONValue) -> JSONValue
  ) -> JSONValue {
    guard case .object(let members) = self else { return self }
    return .object(
      members.map { member in
        guard names.contains(member.name), let elements = member.value.array else { return member }
        return JSONMember(member.name, .array(elements.map(change)))
      })
  }

  /// An object with those elements of an array alone that are meant.
  fileprivate func filtering(_ name: String, _ isMeant: (JSONValue) -> Bool) -> JSONValue {
    guard let elements = self[name]?.array else { return self }
    return setting(name, to: .array(elements.filter(isMeant)))
  }
}
