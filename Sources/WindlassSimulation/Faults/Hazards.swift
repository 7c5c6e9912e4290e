/// How often each fault strikes, in a thousand occasions.
package struct Hazards: Sendable {
  // The daemon
  /// It dies before the record is durable.
  package var crashBeforeJournal = 4
  /// The record can't be made durable: nobody knows whether it is, and the daemon ends.
  package var journalFails = 2
  /// It dies when the record is durable and the effect not begun.
  package var crashAfterJournal = 4
  /// It dies while an effect is carried out.
  package var crashInside = 8
  /// It dies when the effect is done and nothing about that durable.
  package var crashAfter = 8
  /// It dies while it waits or reads.
  package var crashIdle = 2
  /// The journal is lost with the daemon.
  package var journalLost = 0

  // Replies
  /// An effect is done and its reply lost.
  package var replyLost = 15
  /// A read fails.
  package var readFails = 10
  /// A reading of the fleet is an older one.
  package var readingStale = 15
  /// An effect fails, and may be tried again.
  package var effectFails = 20
  /// An effect fails, and trying again can't help.
  package var effectImpossible = 3

  // The database
  /// A statement whose client is gone goes on, or begins only later.
  package var statementLate = 500
  /// A migration is cut off and leaves the ledger dirty.
  package var migrationCutOff = 3

  // Backups and proof
  /// A backup is damaged when it is made.
  package var backupDamaged = 10
  /// A backup is of another database or schema.
  package var backupForeign = 5
  /// A verified backup is damaged later.
  package var backupRots = 5
  /// A rehearsal shows nothing.
  package var proofUnknown = 20

  // The fleet
  /// An instance takes longer to start than it may.
  package var startSlow = 5
  /// A start fails although the instance begins.
  package var startHalfFails = 5
  /// An instance crashes some time after its start.
  package var instanceCrashes = 8
  /// An instance is unready for a while.
  package var instanceFlaps = 10
  /// An instance ignores SIGTERM.
  package var termIgnored = 50
  /// A healthy instance fails its live probes.
  package var probeFails = 4

  // Where a controller keeps the instances
  /// Nobody sees an instance end.
  package var endUnseen = 20
  /// An instance waits for room on a machine.
  package var roomless = 15
  /// The controller may not make instances for a while.
  package var refused = 10
  /// An order arrives only when its reply was given up.
  package var orderLate = 15
  /// An instance can't be asked.
  package var probeUnanswered = 15

  /// A world like any other.
  package static let common = Hazards()

  package init() {}
}
