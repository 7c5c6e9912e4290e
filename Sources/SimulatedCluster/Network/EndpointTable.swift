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

  /// How late it is told that an address is ready no more.
  private let lag: Interval
  /// Endpoints as they were told, by the uids of their pods, and since when that is not true.
  private var told: [String: (endpoint: Endpoint, wrongSince: Timestamp?)] = [:]

  /// A table that tells losses so late.
  package init(lag: Interval) { self.lag = lag }

  /// Takes over what pods there are, and returns what is to be told; `again` is when more is to be
  /// told without a change.
  package mutating func update(
    _ pods: [JSONValue], at now: Timestamp
  ) -> (endpoints: [Endpoint], again: Timestamp?) {
    var found: [String: Endpoint] = [:]
    for pod in pods {
      if let endpoint = Self.endpoint(of: pod) { found[pod.uid] = endpoint }
    }
    for uid in Set(found.keys).union(told.keys) {
      if let known = told[uid], known.endpoint.isReady, !(found[uid]?.isReady ?? false) {
        let since = known.wrongSince ?? now
        guard since + lag <= now else {
          told[uid] = (known.endpoint, since)
          continue
        }
      }
      told[uid] = found[uid].map { ($0, nil) }
    }
    let again = told.values.compactMap { entry in entry.wrongSince.map { $0 + lag } }.min()
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
