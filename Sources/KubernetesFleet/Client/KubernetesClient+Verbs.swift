import WindlassCore
import WindlassWire

extension KubernetesClient {
  /// Reads an object from the authority itself, never from a cache; nil when it is not there.
  package func get(
    _ object: ObjectReference, urgency: RequestClass = .ordinary
  ) async throws(APIError) -> KubernetesObject? {
    do throws(APIError) {
      let order = try order("GET", object, urgency: urgency)
      return KubernetesObject(try await perform(order))
    } catch {
      guard error.code == .notFound else { throw error }
      return nil
    }
  }

  /// Creates an object; one of that name is an error (`alreadyExists`), not a success.
  package func create(
    _ object: KubernetesObject, as type: ResourceType, urgency: RequestClass = .ordinary
  ) async throws(APIError) -> KubernetesObject {
    let title = "POST \(type.display) \(object.key)"
    guard var path = RequestPath(type, in: object.namespace) else { throw badTarget(title) }
    path.query = ["fieldManager": fieldManager, "fieldValidation": "Strict"]
    return KubernetesObject(
      try await perform(
        Order(method: "POST", path: path, title: title, body: object.body, urgency: urgency)))
  }

  /// Replaces an object, or its status, if it is unchanged since it was read.
  package func replace(
    _ object: KubernetesObject, as type: ResourceType, subresource: String? = nil,
    urgency: RequestClass = .ordinary
  ) async throws(APIError) -> KubernetesObject {
    let reference = ObjectReference(type, object.name, in: object.namespace)
    var order = try order("PUT", reference, subresource: subresource, urgency: urgency)
    // Most built-in kinds would take it without a version, and somebody's change would be lost.
    guard !object.resourceVersion.isEmpty else {
      throw APIError(
        .badTarget, request: order.title, detail: "the object has no resourceVersion; read it first"
      )
    }
    order.path.query = ["fieldManager": fieldManager, "fieldValidation": "Strict"]
    order.body = object.body
    return KubernetesObject(try await perform(order))
  }

  /// Changes an object, or one of its subresources, as a patch says.
  ///
  /// A patch that names no version wins over whoever wrote last; give `object.unchanged` where that
  /// matters. Another version is a `conflict`; another uid may be told as `invalid`, for a patch
  /// can't change it.
  package func patch(
    _ reference: ObjectReference, _ patch: Patch, if preconditions: Preconditions = .none,
    subresource: String? = nil, urgency: RequestClass = .ordinary
  ) async throws(APIError) -> KubernetesObject {
    var order = try order("PATCH", reference, subresource: subresource, urgency: urgency)
    order.path.query = ["fieldManager": fieldManager, "fieldValidation": "Strict"]
    order.mediaType = patch.mediaType
    order.body = guarded(patch, preconditions).body
    return KubernetesObject(try await perform(order))
  }

  /// Says what the fields of this manager should be; those it names no longer are given up.
  package func apply(
    _ object: KubernetesObject, as type: ResourceType, ownership: FieldOwnership = .respected,
    subresource: String? = nil
  ) async throws(APIError) -> KubernetesObject {
    let reference = ObjectReference(type, object.name, in: object.namespace)
    var order = try order("PATCH", reference, subresource: subresource)
    order.title = "APPLY \(reference)"
    order.path.query = ["fieldManager": fieldManager, "fieldValidation": "Strict"]
    if ownership == .taken { order.path.query["force"] = "true" }
    order.mediaType = "application/apply-patch+yaml"
    // A server refuses an apply that says who owns what.
    order.body = object.body.setting(["metadata", "managedFields"], to: nil)
    return KubernetesObject(try await perform(order))
  }

  /// Deletes an object, if it is the one that was meant.
  package func delete(
    _ reference: ObjectReference, _ propagation: Propagation,
    if preconditions: Preconditions = .none
  ) async throws(APIError) -> Deletion {
    var order = try order("DELETE", reference)
    var body = [
      JSONMember("apiVersion", "v1"), JSONMember("kind", "DeleteOptions"),
      JSONMember("propagationPolicy", .string(propagation.rawValue)),
    ]
    if preconditions != .none {
      body.append(JSONMember("preconditions", .object(members(preconditions))))
    }
    order.body = .object(body)
    do throws(APIError) {
      let answer = try await perform(order)
      return answer["kind"]?.string == "Status" ? .gone : .begun(KubernetesObject(answer))
    } catch {
      guard error.code == .notFound else { throw error }
      return .absent
    }
  }

  /// The server's version, such as 1.36, from `/version`.
  package func serverVersion() async throws(APIError) -> (major: Int, minor: Int)? {
    let answer = try await perform(
      Order(method: "GET", path: RequestPath(fixed: "/version"), title: "GET /version"))
    // Some distributions write "30+" as the minor.
    let digits = { (text: String?) in Int((text ?? "").prefix { $0.isASCII && $0.isNumber }) }
    guard let major = digits(answer["major"]?.string), let minor = digits(answer["minor"]?.string)
    else { return nil }
    return (major, minor)
  }

  // MARK: - Orders

  /// An order about one object.
  nonisolated func order(
    _ method: String, _ object: ObjectReference, subresource: String? = nil,
    urgency: RequestClass = .ordinary
  ) throws(APIError) -> Order {
    let title = "\(method) \(object)\(subresource.map { "/\($0)" } ?? "")"
    guard let path = RequestPath(object, subresource: subresource) else { throw badTarget(title) }
    return Order(method: method, path: path, title: title, urgency: urgency)
  }

  nonisolated func badTarget(_ title: String) -> APIError {
    APIError(
      .badTarget, request: APIError.printable(title),
      detail: "a name is empty, too long, or no part of a path, or the namespace is missing")
  }

  private nonisolated func members(_ preconditions: Preconditions) -> [JSONMember] {
    var members: [JSONMember] = []
    if let uid = preconditions.uid { members.append(JSONMember("uid", .string(uid))) }
    if let version = preconditions.resourceVersion {
      members.append(JSONMember("resourceVersion", .string(version)))
    }
    return members
  }

  private nonisolated func guarded(_ patch: Patch, _ preconditions: Preconditions) -> Patch {
    guard preconditions != .none else { return patch }
    let members = members(preconditions)
    let add = { (value: JSONValue) -> JSONValue in
      members.reduce(value) { $0.setting(["metadata", $1.name], to: $1.value) }
    }
    switch patch {
    case .merge(let value): return .merge(add(value))
    case .strategic(let value): return .strategic(add(value))
    case .json(let operations):
      // A failed `test` is told like any other fault of a patch; writing the value makes the server
      // compare it, and a difference is a conflict.
      let writes: [JSONValue] = members.map {
        ["op": "replace", "path": .string("/metadata/\($0.name)"), "value": $0.value]
      }
      return .json(writes + operations)
    }
  }
}
