import WindlassWire

/// A kind of objects that the server serves under one group and version.
struct ResourceType: Hashable, Sendable {
  var group: String
  var version: String
  var plural: String
  var singular: String
  var kind: String
  var listKind: String
  var isNamespaced: Bool
  var verbs: [String]
  var shortNames: [String] = []
  var categories: [String] = []
  var subresources: [Subresource] = []
  /// What the fields of its objects are.
  var schema: FieldSchema = .anything
  /// The definition behind a custom resource.
  var definition: CustomDefinition?

  /// A second path of an object.
  struct Subresource: Hashable, Sendable {
    var name: String
    var group: String
    var version: String
    var kind: String
    var verbs: [String]
  }

  /// What only custom resources have.
  struct CustomDefinition: Hashable, Sendable {
    /// Name of the definition.
    var name: String
    var columns: [JSONValue]
    var selectableFields: [[String]]
    var scale: ScalePaths?
    /// Whether the definition is being deleted.
    var isTerminating: Bool
  }

  /// Where the numbers of the scale subresource are.
  struct ScalePaths: Hashable, Sendable {
    var specReplicas: [String]
    var statusReplicas: [String]
    var labelSelector: [String]?
  }

  var isCustom: Bool { definition != nil }

  /// `apps/v1`, or `v1` for the core group.
  var groupVersion: String { group.isEmpty ? version : "\(group)/\(version)" }

  /// `deployments.apps`, or `pods` for the core group.
  var qualified: String { group.isEmpty ? plural : "\(plural).\(group)" }

  /// `Deployment.apps`, or `Pod` for the core group.
  var qualifiedKind: String { group.isEmpty ? kind : "\(kind).\(group)" }

  /// Where its objects are kept; events of both groups are the same objects.
  var storage: String { plural == "events" ? "events" : qualified }

  /// Whether the server counts changes of the specification.
  var countsGenerations: Bool { isCustom || Self.withGenerations.contains(plural) }

  func has(_ subresource: String) -> Bool { subresources.contains { $0.name == subresource } }

  /// Whether a write without a version replaces whatever is there.
  var allowsBlindUpdate: Bool {
    !isCustom && !["leases", "customresourcedefinitions"].contains(plural)
  }

  private static let withGenerations: Set<String> = [
    "deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "cronjobs", "pods",
    "poddisruptionbudgets", "customresourcedefinitions", "networkpolicies",
    "validatingadmissionpolicies", "validatingadmissionpolicybindings",
  ]

  func notFound(_ name: String) -> APIFailure {
    APIFailure(
      code: 404, reason: "NotFound", message: "\(qualified) \(quoted(name)) not found",
      details: details(name))
  }

  func alreadyExists(_ name: String, isTerminating: Bool) -> APIFailure {
    APIFailure(
      code: 409, reason: "AlreadyExists",
      message: (isTerminating ? "object is being deleted: " : "")
        + "\(qualified) \(quoted(name)) already exists", details: details(name))
  }

  func conflict(_ name: String, _ message: String = Self.modified) -> APIFailure {
    APIFailure(
      code: 409, reason: "Conflict",
      message: "Operation cannot be fulfilled on \(qualified) \(quoted(name)): \(message)",
      details: details(name))
  }

  static let modified =
    "the object has been modified; please apply your changes to the latest version and try again"

  func forbidden(_ name: String, _ message: String, causes: [JSONValue] = []) -> APIFailure {
    var details = details(name)
    if !causes.isEmpty { details[member: "causes"] = .array(causes) }
    return APIFailure(
      code: 403, reason: "Forbidden",
      message: "\(qualified)\(name.isEmpty ? "" : " " + quoted(name)) is forbidden: \(message)",
      details: details)
  }

  func invalid(_ name: String, _ faults: [FieldFault], kind other: String? = nil) -> APIFailure {
    // The server reports an event by the kind of the core group, whichever path it came by.
    let group = plural == "events" ? "" : self.group
    let kind = other ?? self.kind
    return .invalid(
      group.isEmpty ? kind : "\(kind).\(group)", name, kind: kind, group: group, faults)
  }

  /// The details that name an object of this resource.
  func details(_ name: String, kind: String? = nil) -> JSONValue {
    var details: JSONValue = ["kind": .string(kind ?? plural)]
    if !name.isEmpty { details[member: "name"] = .string(name) }
    if !group.isEmpty { details[member: "group"] = .string(group) }
    return details
  }
}
