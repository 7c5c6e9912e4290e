import WindlassWire

extension SimulatedAPIServer {
  /// What is wrong with an object's metadata.
  func metadataFaults(
    _ object: JSONValue, _ old: JSONValue?, _ type: ResourceType
  ) -> [FieldFault] {
    let metadata = object["metadata"] ?? .object([])
    var faults: [FieldFault] = []
    let name = metadata["name"]?.string ?? ""
    if name.isEmpty {
      faults.append(.required("metadata.name", "name or generateName is required"))
    } else if !Self.isSubdomain(name), !type.hasFreeNames {
      faults.append(.invalid("metadata.name", quoted(name), Self.subdomainRule))
    }
    for label in metadata["labels"]?.members ?? [] where !Self.isQualifiedName(label.name) {
      faults.append(.invalid("metadata.labels", quoted(label.name), Self.labelRule))
    }
    faults += ownerFaults(metadata["ownerReferences"]?.elements ?? [])
    if let old, old.isTerminating {
      let fresh = object.finalizers.filter { !old.finalizers.contains($0) }
      if !fresh.isEmpty {
        let list = fresh.map(quoted).joined(separator: ", ")
        let fault = FieldFault.forbidden(
          "metadata.finalizers",
          "no new finalizers can be added if the object is being deleted, found new finalizers "
            + "[]string{\(list)}")
        // The checks for all kinds and those for custom resources both find it.
        faults += type.isCustom ? [fault, fault] : [fault]
      }
    }
    return faults
  }

  private func ownerFaults(_ owners: [JSONValue]) -> [FieldFault] {
    let controllers = owners.filter { $0["controller"] == .bool(true) }
    guard controllers.count > 1 else { return [] }
    let names = controllers.prefix(2).map {
      "\($0["kind"]?.string ?? "")/\($0["name"]?.string ?? "")"
    }
    let order = ["apiVersion", "kind", "name", "uid", "controller", "blockOwnerDeletion"]
    let list = JSONValue.array(
      owners.map { owner in
        .object(order.compactMap { name in owner[name].map { JSONMember(name, $0) } })
      })
    return [
      .invalid(
        "metadata.ownerReferences", list.text,
        "Only one reference can have Controller set to true. Found \"true\" in references for "
          + names.joined(separator: " and "))
    ]
  }

  /// What is wrong by the schema of a custom resource.
  func schemaFaults(_ object: JSONValue, _ type: ResourceType) -> [FieldFault] {
    guard type.isCustom else { return [] }
    var checked = object
    checked[member: "metadata"] = nil
    return type.schema.faults(in: checked, at: "")
      + type.schema.duplicates(in: checked, at: "")
  }

  /// What breaks the rules of a custom resource; they are not asked about an object that is
  /// badly broken already.
  func ruleFaults(
    _ object: JSONValue, _ old: JSONValue?, _ type: ResourceType, after faults: [FieldFault]
  ) -> [FieldFault] {
    guard type.isCustom else { return [] }
    let blocking = [
      "FieldValueNotSupported", "FieldValueRequired", "FieldValueTooLong", "FieldValueTooMany",
      "FieldValueTypeInvalid",
    ]
    if faults.contains(where: { blocking.contains($0.reason) }) {
      return [
        .invalid(
          "<nil>", "null",
          "some validation rules were not checked because the object was invalid; correct the "
            + "existing errors to complete validation")
      ]
    }
    return type.schema.brokenRules(in: object, before: old, at: "")
  }

  /// Warns of finalizers that may clash with another one's.
  func warnOfFinalizers(_ object: JSONValue, _ call: inout Call) {
    for name in object.finalizers where !name.contains("/") {
      call.warnings.append(
        "metadata.finalizers: \(quoted(name)): prefer a domain-qualified finalizer name to avoid "
          + "accidental conflicts with other finalizer writers")
    }
  }

  // MARK: - Names

  static func isSubdomain(_ name: String) -> Bool {
    name.utf8.count <= 253
      && name.split(separator: ".", omittingEmptySubsequences: false).allSatisfy { part in
        guard let first = part.utf8.first, let last = part.utf8.last else { return false }
        return isLowerOrDigit(first) && isLowerOrDigit(last)
          && part.utf8.allSatisfy { isLowerOrDigit($0) || $0 == UInt8(ascii: "-") }
      }
  }

  private static func isLowerOrDigit(_ byte: UInt8) -> Bool {
    (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(byte)
      || (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(byte)
  }

  private static func isQualifiedName(_ name: String) -> Bool {
    guard let last = name.split(separator: "/", omittingEmptySubsequences: false).last,
      let first = last.first, let end = last.last
    else { return false }
    let isPlain = { (character: Character) in
      character.isASCII && (character.isLetter || character.isNumber)
    }
    return isPlain(first) && isPlain(end)
      && last.allSatisfy { isPlain($0) || "-_.".contains($0) }
  }

  private static let subdomainRule =
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or "
    + "'.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used "
    + "for validation is '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"

  private static let labelRule =
    "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end "
    + "with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for "
    + "validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
}

extension ResourceType {
  /// Whether names may hold what no domain name holds.
  var hasFreeNames: Bool {
    group == "rbac.authorization.k8s.io" || plural == "customresourcedefinitions"
  }
}
