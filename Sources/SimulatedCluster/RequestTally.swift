import WindlassSimulation
import WindlassWire

/// How often each user asked the server for what, as it tells those who measure a client.
struct RequestTally: Sendable {
  /// Where the server tells it; no real one has this path.
  static let path = "/simulated/requests"

  private let counts: [UsedRight: Int]

  init(_ counts: [UsedRight: Int]) { self.counts = counts }

  /// One entry for each user, verb and resource, in their order.
  var json: JSONValue {
    var sums: [[String]: Int] = [:]
    for (used, count) in counts {
      let group = used.group.isEmpty ? "" : ".\(used.group)"
      sums[[used.user, used.verb, used.resource + group], default: 0] += count
    }
    let sorted = sums.sorted { $0.key.lexicographicallyPrecedes($1.key) }
    return .array(
      sorted.map { words, count in
        [
          "user": .string(words[0]), "verb": .string(words[1]), "resource": .string(words[2]),
          "count": .integer(Int64(count)),
        ]
      })
  }
}
