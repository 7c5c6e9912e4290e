import CurlTransport
import WindlassCore
import WindlassWire

/// How often a user asked the simulated server for what: by verb and resource.
struct RequestCounts: Sendable {
  private(set) var counts: [String: Int] = [:]

  /// Asks the server; it counts all since its start.
  init(of user: String, at server: String, by transport: CurlTransport) async throws {
    let answer = try await transport.send(
      HTTPRequest(url: server + "/simulated/requests", headers: []),
      limits: HTTPLimits(bodySizeMax: 1 << 20, deadline: .seconds(60)))
    for entry in try JSONValue.parse(answer.body, limits: JSONLimits()).array ?? []
    where entry["user"]?.string == user {
      let name = "\(entry["verb"]?.string ?? "") \(entry["resource"]?.string ?? "")"
      counts[name, default: 0] += Int(entry["count"]?.integer ?? 0)
    }
  }

  private init(_ counts: [String: Int]) { self.counts = counts }

  /// What was asked since an earlier count.
  func since(_ earlier: RequestCounts) -> RequestCounts {
    var counts = counts
    for (name, count) in earlier.counts { counts[name, default: 0] -= count }
    return RequestCounts(counts.filter { $0.value != 0 })
  }

  var total: Int { counts.values.reduce(0, +) }

  /// Those that change something.
  var writes: Int {
    counts.filter { !["get", "list", "watch"].contains($0.key.split(separator: " ").first ?? "") }
      .values.reduce(0, +)
  }

  /// Those that change something and are no renewal of a Lease.
  var writesBesidesLease: Int {
    let leases = counts.filter { $0.key.hasPrefix("update ") && $0.key.contains("leases") }
    return writes - leases.values.reduce(0, +)
  }

  /// All, the most frequent first.
  var text: String {
    counts.sorted { ($1.value, $0.key) < ($0.value, $1.key) }
      .map { "\($0.value) × \($0.key)" }.joined(separator: ", ")
  }
}
