package import WindlassWire
import Yams

/// A definition of a custom resource, made from the types that read its objects.
package struct ResourceDefinition: Hashable, Sendable {
  /// A column that `kubectl get` shows.
  struct Column: Hashable, Sendable {
    var name: String
    var path: String
    var type = "string"
    /// Columns above 0 are shown with `-o wide` alone.
    var priority = 0
  }

  package let type: ResourceType
  let singular: String
  let listKind: String
  let shortNames: [String]
  let description: String
  let spec: JSONValue
  let status: JSONValue
  let columns: [Column]

  /// All definitions of Windlass.
  package static let all = [managedService, upgradeRun]

  /// The wish for one service.
  package static let managedService = ResourceDefinition(
    type: .managedServices, singular: "managedservice", listKind: "ManagedServiceList",
    shortNames: ["msvc"], description: "One service and its database under Windlass.",
    spec: ManagedServiceSpec.schema, status: ManagedServiceStatus.schema,
    columns: [
      Column(name: "Deployed", path: ".status.deployedVersion"),
      Column(name: "Target", path: ".status.targetVersion"),
      Column(name: "Schema", path: ".status.schemaVersion", type: "integer"),
      Column(name: "Ready", path: ".status.conditions[?(@.type==\"Ready\")].status"),
      Column(name: "Run", path: ".status.run", priority: 1),
      Column(name: "Paused", path: ".spec.policy.paused", type: "boolean", priority: 1),
      Column(name: "Age", path: ".metadata.creationTimestamp", type: "date"),
    ])

  /// One attempt to do one hop.
  package static let upgradeRun = ResourceDefinition(
    type: .upgradeRuns, singular: "upgraderun", listKind: "UpgradeRunList", shortNames: ["urun"],
    description: "One attempt to upgrade a service by one hop; Windlass makes it.",
    spec: UpgradeRunSpec.schema, status: UpgradeRunStatus.schema,
    columns: [
      Column(name: "Service", path: ".spec.service"), Column(name: "From", path: ".spec.from"),
      Column(name: "To", path: ".spec.to"), Column(name: "Step", path: ".status.step"),
      Column(name: "Outcome", path: ".status.outcome"),
      Column(name: "Age", path: ".metadata.creationTimestamp", type: "date"),
    ])

  /// Names the definition, and its file.
  package var name: String { type.display }

  /// The definition as an object of the API.
  package var json: JSONValue {
    [
      "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
      "metadata": [
        "name": .string(name), "labels": ["app.kubernetes.io/part-of": "windlass"],
      ],
      "spec": [
        "group": .string(type.group), "scope": "Namespaced",
        "names": [
          "plural": .string(type.plural), "singular": .string(singular),
          "kind": .string(type.kind), "listKind": .string(listKind),
          "shortNames": .array(shortNames.map { .string($0) }), "categories": ["windlass"],
        ],
        "versions": [version],
      ],
    ]
  }

  private var version: JSONValue {
    [
      "name": .string(type.version), "served": true, "storage": true,
      "subresources": ["status": .object([])],
      "additionalPrinterColumns": .array(columns.map(Self.json)),
      "schema": ["openAPIV3Schema": schema],
    ]
  }

  /// The schema of a whole object.
  package var schema: JSONValue {
    [
      "description": .string(description), "type": "object", "required": ["spec"],
      "properties": [
        "apiVersion": ["type": "string"], "kind": ["type": "string"],
        "metadata": ["type": "object"],
        "spec": spec, "status": status,
      ],
    ]
  }

  private static func json(_ column: Column) -> JSONValue {
    var members = [
      JSONMember("name", .string(column.name)), JSONMember("type", .string(column.type)),
      JSONMember("jsonPath", .string(column.path)),
    ]
    if column.priority > 0 {
      members.append(JSONMember("priority", .integer(Int64(column.priority))))
    }
    return .object(members)
  }

  /// The definition as the text of a file.
  package func yaml() throws -> String {
    let head = "# Written by `make crds` from Sources/KubernetesFleet/Definitions; edit those.\n"
    return head + (try Yams.serialize(node: Self.node(json), width: -1, sortKeys: false))
  }

  private static func node(_ value: JSONValue) -> Node {
    switch value {
    case .null: Node("null", Tag(.null))
    case .bool(let truth): Node(truth ? "true" : "false", Tag(.bool))
    case .integer(let number): Node(String(number), Tag(.int))
    case .double(let number): Node(String(number), Tag(.float))
    case .string(let text): Node(text, Tag(.str), style(of: text))
    case .array(let elements): Node(elements.map(node), Tag(.seq))
    case .object(let members):
      Node(members.map { (Node($0.name, Tag(.str)), node($0.value)) }, Tag(.map))
    }
  }

  /// Plain where every reader takes it for a text, and in quotes everywhere else.
  private static func style(of text: String) -> Node.Scalar.Style {
    let isWord =
      text.utf8.first.map { (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0) } ?? false
    let isSafe = text.utf8.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x20, 0x2C, 0x2D, 0x2E, 0x2F, 0x3B, 0x28, 0x29:
        true
      default: false
      }
    }
    let words: Set<String> = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"]
    return isWord && isSafe && !words.contains(text.lowercased()) ? .plain : .doubleQuoted
  }
}
