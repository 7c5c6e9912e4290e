/// Keeps one service's trust state across restarts.
package protocol TrustStore: Sendable {
  /// The state saved last; empty when none ever was.
  func load() async throws(TrustStoreError) -> TrustState

  /// Saves the state for good: when this returns, a crash or a power cut does not undo it.
  func save(_ state: TrustState) async throws(TrustStoreError)
}

/// Why trust can't be remembered or recalled.
package struct TrustStoreError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The ways to fail; bounded, so they may label a metric.
  package enum Code: String, Sendable {
    /// The file does not hold what was written to it.
    case corrupt = "TrustStateCorrupt"
    /// The system refused to read it.
    case unreadable = "TrustStateUnreadable"
    /// The system refused to write it.
    case unwritable = "TrustStateUnwritable"
  }

  /// The way that this failed.
  package var code: Code
  /// What happened, to which file, and what to do next.
  package var message: String

  /// Makes an error with a message for a person.
  package init(_ code: Code, _ message: String) {
    self.code = code
    self.message = message
  }

  package var description: String { message }
}
