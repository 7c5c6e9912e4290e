package import WindlassCore

/// Limits of what a cluster remembers of runs, all in one place.
///
/// A server's storage takes objects of up to 1.5 MiB (1,572,864 bytes). A run has at most a plan
/// and a journal, a service its `spec` and a journal; both stay well below it.
package enum RunBounds {
  /// Bytes of one record's text, as it stands in JSON.
  package static let recordSizeMax = 524_288
  /// Bytes of one object's journal, as it stands in JSON.
  package static let journalSizeMax = 786_432
  /// Bytes of states that later ones have replaced; older ones leave only their effect's name.
  package static let oldStatesSizeMax = 65_536
  /// Entries of one object's journal.
  package static let entriesMax = 1_000
  /// Bytes of a pinned plan.
  package static let planSizeMax = 262_144
  /// How often one write is tried before its outcome counts as unknown.
  package static let writeAttemptsMax = 5
  /// Ended runs of one service that stay to be looked at.
  package static let runsKept = 20
  /// Decisions that wait for their turn beyond these are read when those are answered.
  package static let decisionsRead = 16
  /// Bytes of a decision.
  package static let decisionSizeMax = 4_096
  /// Answers to decisions that stay in the status.
  package static let decisionsTold = 20
  /// Decisions of the journal that are looked through.
  package static let decisionsJournaled = 200
  /// Characters of a person's name.
  package static let nameLengthMax = 256
  /// Characters of a message that is shown.
  package static let messageLengthMax = 1_024
  /// The shortest time between two writes of a summary; intents never wait for it.
  package static let statusInterval = Interval.seconds(2)
  /// After how long what is shown is read again, in case somebody wrote over it.
  package static let statusReadInterval = Interval.minutes(5)
  /// Events that may wait; more are dropped.
  package static let eventsWaitingMax = 256
  /// New Events a second in the long run, and at once.
  package static let eventRate = 1
  package static let eventBurst = 25
  /// Kinds of events that are counted at a time.
  package static let eventSeriesMax = 256
  /// The shortest time between two counts of one series.
  package static let eventSeriesInterval = Interval.seconds(30)
  /// After how long without a repetition a series ends.
  package static let eventSeriesLife = Interval.minutes(6)
}
