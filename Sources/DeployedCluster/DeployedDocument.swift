package import Foundation
package import KubernetesFleet
import WindlassWire
import Yams

/// One document of a file below `deploy/`.
package struct DeployedDocument: Sendable, CustomStringConvertible {
  /// Below `deploy/`.
  package let path: String
  package var object: KubernetesObject

  package var kind: String { object.body["kind"]?.string ?? "" }

  package var description: String { "\(path): \(kind) \(object.name)" }

  /// The kind as its API has it; nil for a kind that nobody here knows.
  package var type: ResourceType? {
    let version = object.body["apiVersion"]?.string ?? ""
    return Self.types.first { $0.kind == kind && $0.apiVersion == version }
  }

  /// A value whose kind is one of those that documents here may have.
  private static let types: [ResourceType] = [
    .configMaps, .namespaces, .definitions, .deployments, .statefulSets, .daemonSets,
    .disruptionBudgets, .managedServices, .upgradeRuns, .jobs,
    ResourceType(plural: "secrets", kind: "Secret"),
    ResourceType(plural: "services", kind: "Service"),
    ResourceType(plural: "serviceaccounts", kind: "ServiceAccount"),
    ResourceType(plural: "persistentvolumeclaims", kind: "PersistentVolumeClaim"),
    ResourceType(group: "networking.k8s.io", plural: "networkpolicies", kind: "NetworkPolicy"),
    ServiceMonitorDefinition.type,
    ResourceType(group: rights, plural: "roles", kind: "Role"),
    ResourceType(group: rights, plural: "rolebindings", kind: "RoleBinding"),
    ResourceType(
      group: rights, plural: "clusterroles", kind: "ClusterRole", isNamespaced: false),
    ResourceType(
      group: rights, plural: "clusterrolebindings", kind: "ClusterRoleBinding",
      isNamespaced: false),
    ResourceType(
      group: admission, plural: "validatingadmissionpolicies", kind: "ValidatingAdmissionPolicy",
      isNamespaced: false),
    ResourceType(
      group: admission, plural: "validatingadmissionpolicybindings",
      kind: "ValidatingAdmissionPolicyBinding", isNamespaced: false),
  ]

  private static let rights = "rbac.authorization.k8s.io"
  private static let admission = "admissionregistration.k8s.io"

  // MARK: - Reading

  /// The folder `deploy` of the repository.
  package static let root: URL = (0..<3).reduce(URL(fileURLWithPath: #filePath)) { url, _ in
    url.deletingLastPathComponent()
  }.appending(path: "deploy")

  /// All documents of the files below a folder of `deploy`, in the order of paths; the chart's
  /// templates are none before they are rendered.
  package static func all(in folder: String = "") throws -> [DeployedDocument] {
    let start = root.appending(path: folder)
    let files = FileManager.default.enumerator(at: start, includingPropertiesForKeys: nil)
    let paths = (files?.allObjects as? [URL] ?? []).map { $0.standardizedFileURL.path }
      .filter { $0.hasSuffix(".yaml") && !$0.contains("/templates/") }.sorted()
    return try paths.flatMap { path in
      try documents(
        of: String(contentsOfFile: path, encoding: .utf8),
        path: String(path.dropFirst(root.path.count + 1)))
    }
  }

  /// The documents of a text.
  package static func documents(of text: String, path: String) throws -> [DeployedDocument] {
    try Yams.load_all(yaml: text).map { value in
      DeployedDocument(path: path, object: KubernetesObject(try json(value)))
    }
  }

  /// Thrown for what JSON has no word for.
  private struct NoJSON: Error {
    let value: String
  }

  private static func json(_ value: Any) throws -> JSONValue {
    switch value {
    case let text as String: return .string(text)
    case let truth as Bool: return .bool(truth)
    case let number as Int: return .integer(Int64(number))
    case let number as Double: return .double(number)
    case is NSNull: return .null
    case let list as [Any]: return .array(try list.map(json))
    case let map as [AnyHashable: Any]:
      let members = try map.map { key, value in
        guard let name = key.base as? String else { throw NoJSON(value: "\(key)") }
        return JSONMember(name, try json(value))
      }
      return .object(members.sorted { $0.name < $1.name })
    default: throw NoJSON(value: "\(value)")
    }
  }
}
