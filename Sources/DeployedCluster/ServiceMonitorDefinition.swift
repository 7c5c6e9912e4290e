package import KubernetesFleet
import WindlassWire

/// The kind ServiceMonitor as Prometheus' operator defines it, as far as documents here may use it:
/// a server with this definition refuses every other field.
package enum ServiceMonitorDefinition {
  package static let type = ResourceType(
    group: "monitoring.coreos.com", plural: "servicemonitors", kind: "ServiceMonitor")

  package static let object = KubernetesObject([
    "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
    "metadata": ["name": "servicemonitors.monitoring.coreos.com"],
    "spec": [
      "group": "monitoring.coreos.com", "scope": "Namespaced",
      "names": [
        "kind": "ServiceMonitor", "listKind": "ServiceMonitorList", "plural": "servicemonitors",
        "singular": "servicemonitor", "shortNames": ["smon"],
      ],
      "versions": [
        ["name": "v1", "served": true, "storage": true, "schema": ["openAPIV3Schema": schema]]
      ],
    ],
  ])

  private static let schema: JSONValue = [
    "type": "object", "required": ["spec"],
    "properties": [
      "spec": [
        "type": "object", "required": ["endpoints", "selector"],
        "properties": [
          "jobLabel": text, "selector": selector,
          "namespaceSelector": [
            "type": "object", "properties": ["any": truth, "matchNames": list(of: text)],
          ],
          "targetLabels": list(of: text), "podTargetLabels": list(of: text),
          "sampleLimit": ["type": "integer", "format": "int64"],
          "endpoints": list(of: endpoint),
        ],
      ]
    ],
  ]

  private static let endpoint: JSONValue = [
    "type": "object",
    "properties": [
      "port": text, "path": text, "scheme": ["type": "string", "enum": ["http", "https"]],
      "interval": duration, "scrapeTimeout": duration, "honorLabels": truth,
      "honorTimestamps": truth, "followRedirects": truth,
    ],
  ]

  private static let selector: JSONValue = [
    "type": "object",
    "properties": [
      "matchLabels": ["type": "object", "additionalProperties": text],
      "matchExpressions": list(of: [
        "type": "object", "required": ["key", "operator"],
        "properties": ["key": text, "operator": text, "values": list(of: text)],
      ]),
    ],
  ]

  private static let text: JSONValue = ["type": "string"]
  private static let truth: JSONValue = ["type": "boolean"]
  private static let duration: JSONValue = [
    "type": "string", "pattern": "^(0|([0-9]+(ms|y|w|d|h|m|s))+)$",
  ]

  private static func list(of items: JSONValue) -> JSONValue {
    ["type": "array", "items": items]
  }
}
