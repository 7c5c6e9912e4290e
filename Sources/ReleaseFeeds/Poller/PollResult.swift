package import WindlassCore

/// What one poll found, and when to poll again.
package struct PollResult: Hashable, Sendable {
  /// The ways that a poll can end.
  package enum Outcome: Hashable, Sendable {
    /// Another manifest than this poller told of before; what was trusted is saved already.
    case news(Manifest)
    /// The same manifest as before.
    case unchanged
    /// No manifest that may be used; the last one stays.
    case failure(PollFailure)
  }

  /// What this poll found.
  package var outcome: Outcome
  /// The manifest that holds after this poll; nil before the first one is trusted.
  package var manifest: Manifest?
  /// Whether that manifest has not expired: without one, no new run may start (invariant T3).
  package var isFresh: Bool
  /// How long to wait before the next poll, jitter included.
  package var nextPoll: Interval
}

/// Why a poll brought no manifest.
package struct PollFailure: Error, Hashable, Sendable, CustomStringConvertible {
  /// A stable CamelCase word; bounded, so it may label a metric.
  package var code: String
  /// What happened, with which manifest, and what to do next.
  package var message: String
  /// Whether a trusted key's signature is used against the rules, so that a person should look.
  package var isAlarm: Bool

  package init(code: String, message: String, isAlarm: Bool = false) {
    self.code = code
    self.message = message
    self.isAlarm = isAlarm
  }

  package var description: String { "\(code): \(message)" }
}
