import WindlassCore
import WindlassWire

/// A node, asked for by name.
struct Machine: Sendable {
  var reading: MachineReading
  /// Whether its agent was heard of lately.
  var answers: Bool

  /// - Parameter object: Nil when there is no node of that name.
  init(_ name: String, _ object: KubernetesObject?) {
    let status = object?.body["status"]
    let boot = status?["nodeInfo"]?["bootID"]?.string.flatMap { $0.isEmpty ? nil : $0 }
    reading = MachineReading(name: name, boot: boot, isGone: object == nil)
    let ready = status?["conditions"]?.array?.first { $0["type"] == "Ready" }
    answers = object != nil && ready?["status"] != "Unknown"
  }

  /// The nodes of these names as they are now, each also where there is none.
  static func all(
    _ names: Set<String>, by client: KubernetesClient
  ) async throws(StepFailure) -> [String: Machine] {
    var machines: [String: Machine] = [:]
    for name in names.sorted() {
      let node = try await asking { () async throws(APIError) in
        try await client.get(ObjectReference(.nodes, name))
      }
      machines[name] = Machine(name, node)
    }
    return machines
  }
}
