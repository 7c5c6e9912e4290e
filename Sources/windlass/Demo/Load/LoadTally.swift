/// What a load has done so far.
struct LoadTally: Hashable, Sendable {
  /// Requests that ended, lost ones included; a retry is the same request.
  var total = 0
  /// Requests without a complete and correct reply.
  var lost = 0
  /// Requests that were sent once more after a reused connection was found closed.
  var retried = 0
  /// Good replies by what their `Server` field said.
  var repliesByServer: [String: Int] = [:]
  var latencies = LatencyHistogram()

  /// Adds what another client has done.
  mutating func add(_ other: LoadTally) {
    total += other.total
    lost += other.lost
    retried += other.retried
    repliesByServer.merge(other.repliesByServer, uniquingKeysWith: +)
    latencies.add(other.latencies)
  }
}

/// How long replies took, in buckets that are at most a sixteenth of their value wide.
struct LatencyHistogram: Hashable, Sendable {
  private static let bucketCount = 16 * 28
  private var counts = [Int](repeating: 0, count: LatencyHistogram.bucketCount)
  private var count = 0

  /// Counts one reply.
  mutating func add(microseconds: Int64) {
    counts[LatencyHistogram.bucket(of: max(0, microseconds))] += 1
    count += 1
  }

  /// Adds another histogram's replies.
  mutating func add(_ other: LatencyHistogram) {
    for index in counts.indices { counts[index] += other.counts[index] }
    count += other.count
  }

  /// The time, in microseconds, that the share `fraction` (0 to 1) of the replies did not exceed,
  /// rounded up to its bucket's end; nil without replies.
  func quantile(_ fraction: Double) -> Int64? {
    guard count > 0 else { return nil }
    let wanted = max(1, Int((Double(count) * fraction).rounded(.up)))
    var seen = 0
    for (index, number) in counts.enumerated() {
      seen += number
      if seen >= wanted { return LatencyHistogram.end(of: index) }
    }
    return nil
  }

  /// Values below 16 have a bucket each; above, each power of two has 16.
  private static func bucket(of value: Int64) -> Int {
    guard value >= 16 else { return Int(value) }
    let exponent = 63 - value.leadingZeroBitCount
    let position = Int(value >> (exponent - 4)) & 15
    return min(16 * (exponent - 3) + position, bucketCount - 1)
  }

  private static func end(of bucket: Int) -> Int64 {
    guard bucket >= 16 else { return Int64(bucket) }
    let exponent = bucket / 16 + 3
    return ((Int64(16 + bucket % 16 + 1)) << (exponent - 4)) - 1
  }
}
