/// What a journal record tells.
public enum JournalKind: String, Codable, Sendable, CaseIterable {
  /// The whole state of the service's core after a step.
  case state
  /// An effect that is about to be issued.
  case intent
  /// How an effect ended.
  case outcome
  /// What a person decided.
  case decision
  /// A run was opened, with its pinned plan.
  case runOpened
  /// A run ended, with how.
  case runEnded
  /// Anything else worth remembering.
  case event
}

/// One record of a service's journal.
public struct JournalRecord: Hashable, Codable, Sendable {
  /// The record's place in the journal, from 1, over all services; zero until it is appended.
  public var sequence: UInt64
  public var service: ServiceName
  /// The run that it belongs to, if any.
  public var run: RunID?
  public var kind: JournalKind
  /// The effect that an intent or outcome is about.
  public var effect: EffectID?
  public var at: Timestamp
  /// What happened, as JSON text; the journal does not look into it.
  public var payload: String

  public init(
    sequence: UInt64 = 0, service: ServiceName, run: RunID? = nil, kind: JournalKind,
    effect: EffectID? = nil, at: Timestamp, payload: String
  ) {
    self.sequence = sequence
    self.service = service
    self.run = run
    self.kind = kind
    self.effect = effect
    self.at = at
    self.payload = payload
  }
}

/// The memory of the daemon: what it decided, intended and saw, in an order that nobody can change
/// unnoticed.
public protocol RunJournal: Sendable {
  /// Makes the record durable and returns its sequence; the record's own sequence is ignored.
  ///
  /// - Throws: `StepFailure` with `.stop`. Whether the record is durable is then not known, and
  ///   every later append fails as well: nothing may be done on it before the daemon has been
  ///   started again (invariant J1).
  func append(_ record: JournalRecord) async throws(StepFailure) -> UInt64

  /// The newest record of that kind; nil when the journal holds none.
  func latest(
    _ kind: JournalKind, service: ServiceName
  ) async throws(StepFailure) -> JournalRecord?

  /// The newest records of those kinds, newest first, at most `limit`.
  func history(
    service: ServiceName, kinds: Set<JournalKind>, limit: Int
  ) async throws(StepFailure) -> [JournalRecord]

  /// The records after that sequence, oldest first, at most `limit`.
  func records(
    service: ServiceName, after sequence: UInt64, limit: Int
  ) async throws(StepFailure) -> [JournalRecord]
}
