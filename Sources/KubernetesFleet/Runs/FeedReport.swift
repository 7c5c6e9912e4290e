/// How the last poll of a service's feed went.
package struct FeedReport: Hashable, Sendable {
  /// Whether it brought a manifest that is trusted; nil before the first poll has ended.
  package var isFetched: Bool?
  /// A CamelCase word.
  package var reason: String
  /// For people.
  package var message: String

  package init(isFetched: Bool?, reason: String, message: String) {
    self.isFetched = isFetched
    self.reason = reason
    self.message = message
  }

  /// Before the first poll.
  package static let pending = FeedReport(
    isFetched: nil, reason: "Pending", message: "not polled yet")
}
