/// What a counter outside of every snapshot would give next: a sequence, or a table's own counter
/// for its keys.
///
/// A backup holds a counter as it was at some moment between two readings, so that the restored one
/// must stand between them. One that stands lower would give a key that is taken already.
package struct CounterSpan: Hashable, Codable, Sendable {
  package var name: String
  /// The lowest number that it may give next.
  package var low: Int64
  /// The highest number that it may give next.
  package var high: Int64

  /// A counter as one reading found it.
  package init(name: String, next: Int64) {
    self.name = name
    low = next
    high = next
  }

  /// The counters of an earlier reading, as far as they went in a later one; what is only in the
  /// later one was made after the backup's moment.
  package static func spans(
    from earlier: [CounterSpan]?, to later: [CounterSpan]?
  ) -> [CounterSpan]? {
    guard let earlier, let later else { return nil }
    let latest = Dictionary(later.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    return earlier.map { counter in
      guard let other = latest[counter.name] else { return counter }
      var span = counter
      span.low = min(counter.low, other.low)
      span.high = max(counter.high, other.high)
      return span
    }
  }

  /// In what counters differ from those of another side, as sentences; none where one side has
  /// read none.
  static func differences(
    of counters: [CounterSpan]?, to others: [CounterSpan]?, here: String, there: String
  ) -> [String] {
    guard let counters, let others else { return [] }
    let known = Dictionary(others.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    return counters.compactMap { counter in
      guard let other = known[counter.name] else {
        return "the counter \(counter.name) is missing in \(there)"
      }
      guard other.low < counter.low || other.high > counter.high else { return nil }
      let place =
        counter.low == counter.high ? "\(counter.low)" : "\(counter.low) to \(counter.high)"
      return "the counter \(counter.name) gives \(other.low) next in \(there) and \(place) in "
        + here
    }
  }
}
