package import WindlassCore
package import WindlassWire

/// Which addresses stand behind a Service, as those who follow it are told: what comes is told at
/// once, what goes late.
package struct EndpointTable: Sendable {
  /// One pod behind a Service.
  package struct Endpoint: Hashable, Sendable {
    package var address: String
    package var pod: String
    package var uid: String
    package var node: String
    package var isReady: Bool
    package var isTerminating: Bool
  }

  /// Endpoints as they were told, by the uids of their pods, and until when they stay told although
  /// it is not true.
  private var told: [String: (endpoint: Endpoint, wrongUntil: Timestamp?)] = [:]

  /// A table with nothing in it.
  package init() {}

  /// Takes over what pods there are, and returns what is to be told; `again` is when more is to be
  /// told without a change.
  ///
  /// - Parameter lag: Says of each loss how late it is told.
  package mutating func update(
    _ pods: [JSONValue], at now: Timestamp, lag: inout EndpointLag
  ) -> (endpoints: [Endpoint], again: Timestamp?) {
    var found: [String: Endpoint] = [:]
    for pod in pods {
      if let endpoint = Self.endpoint(of: pod) { found[pod.uid] = endpoint }
    }
    // In an order of their own: which loss gets which lag is the same each time.
    for uid in Set(found.keys).union(told.keys).sorted() {
      if let known = told[uid], known.endpoint.isReady, !(found[uid]?.isReady ?? false) {
        let until = known.wrongUntil ?? now + lag.next()
        guard until <= now else {
          told[uid] = (known.endpoint, until)
          continue
        }
      }
      told[uid] = found[uid].map { ($0, nil) }
    }
    let again = told.values.compactMap(\.wrongUntil).min()
    return (told.values.map(\.endpoint).sorted { $0.pod < $1.pod }, again)
  }

  private static func endpoint(of pod: JSONValue) -> Endpoint? {
    let address = pod.text("status", "podIP")
    guard !address.isEmpty, !["Succeeded", "Failed"].contains(pod.text("status", "phase")) else {
      return nil
    }
    let isReady = pod.list("status", "conditions").contains {
      $0.text("type") == "Ready" && $0.text("status") == "True"
    }
    return Endpoint(
      address: address, pod: pod.name, uid: pod.uid, node: pod.text("spec", "nodeName"),
      isReady: isReady && !pod.isBeingDeleted, isTerminating: pod.isBeingDeleted)
  }
}

extension EndpointTable.Endpoint {
  /// Its part of an EndpointSlice.
  var json: JSONValue {
    [
      "addresses": [.string(address)],
      "conditions": [
        "ready": .bool(isReady), "serving": .bool(isReady), "terminating": .bool(isTerminating),
      ],
      "nodeName": .string(node),
      "targetRef": ["kind": "Pod", "name": .string(pod), "uid": .string(uid)],
    ]
  }

  /// Its part of the older Endpoints.
  var older: JSONValue {
    [
      "ip": .string(address), "nodeName": .string(node),
      "targetRef": ["kind": "Pod", "name": .string(pod), "uid": .string(uid)],
    ]
  }
}
