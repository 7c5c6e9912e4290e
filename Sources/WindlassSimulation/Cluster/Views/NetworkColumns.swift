import WindlassCore
import WindlassWire

/// The columns in which nodes, Services and what stands behind them are shown as tables.
enum NetworkColumns {
  /// The columns of a kind behind its name; nil for kinds that have no others.
  static func columns(of kind: String) -> [WorkloadColumns.Column]? {
    switch kind {
    case "Node":
      [
        column("Status", "Whether the node can run pods.") { node in
          node.condition("Ready")?["status"] == "True" ? "Ready" : "NotReady"
        }, column("Roles", "What the node is for.") { _ in "<none>" }, WorkloadColumns.age,
        column("Version", "The version of the node's agent.") { node in
          node.at("status", "nodeInfo", "kubeletVersion")?.string ?? ""
        },
      ]
    case "Service":
      [
        column("Type", "How the Service is reached.") { $0.at("spec", "type")?.string ?? "" },
        column("Cluster-IP", "The Service's address.") {
          $0.at("spec", "clusterIP")?.string ?? "<none>"
        }, column("External-IP", "Its address from outside.") { _ in "<none>" },
        column("Port(s)", "Its ports.") { service in
          (service.at("spec", "ports")?.elements ?? []).map {
            "\($0["port"]?.text ?? "")/\($0["protocol"]?.string ?? "TCP")"
          }.joined(separator: ",")
        }, WorkloadColumns.age,
      ]
    case "Endpoints":
      [
        column("Endpoints", "Addresses with their ports.") { endpoints in
          list((endpoints["subsets"]?.elements ?? []).flatMap(Self.pairs))
        }, WorkloadColumns.age,
      ]
    case "EndpointSlice":
      [
        column("AddressType", "What kind of addresses these are.") {
          $0["addressType"]?.string ?? ""
        },
        column("Ports", "Ports of the endpoints.") { slice in
          list((slice["ports"]?.elements ?? []).map { $0["port"]?.text ?? "" })
        },
        column("Endpoints", "Addresses of the endpoints.") { slice in
          list(
            (slice["endpoints"]?.elements ?? []).flatMap { $0["addresses"]?.elements ?? [] }
              .compactMap(\.string))
        }, WorkloadColumns.age,
      ]
    case "Secret":
      [
        column("Type", "What the secret is for.") { $0["type"]?.string ?? "" },
        column("Data", "How many values it holds.") { String($0["data"]?.members.count ?? 0) },
        WorkloadColumns.age,
      ]
    default: nil
    }
  }

  private static func column(
    _ name: String, _ text: String, _ cell: @escaping @Sendable (JSONValue) -> String
  ) -> WorkloadColumns.Column {
    WorkloadColumns.Column(
      definition: TableColumns.column(name, "string", text),
      cell: { object, _ in .string(cell(object)) })
  }

  private static func list(_ texts: [String]) -> String {
    texts.isEmpty ? "<none>" : texts.joined(separator: ",")
  }

  private static func pairs(_ subset: JSONValue) -> [String] {
    let ports = (subset["ports"]?.elements ?? []).compactMap { $0["port"]?.text }
    let addresses = (subset["addresses"]?.elements ?? []).compactMap { $0["ip"]?.string }
    return addresses.flatMap { address in ports.map { "\(address):\($0)" } }
  }
}
