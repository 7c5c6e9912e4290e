import ArgumentParser
import WindlassCore
import WindlassSchema

/// Which database a command works on.
struct DatabaseOptions: ParsableArguments {
  @Option(
    name: .long,
    help: ArgumentHelp(
      "The service's database: env:NAME, file:PATH, or a URL without a password.",
      valueName: "url"))
  var database: DatabaseReference

  @Option(
    name: .long,
    help: ArgumentHelp("The ledger's table, where it is not golang-migrate's.", valueName: "name"))
  var ledgerTable: String?

  /// The database as the driver of its engine takes it.
  func target() throws -> DatabaseTarget {
    try DatabaseTarget(database.resolve(), ledgerTable: ledgerTable)
  }
}

/// How long a command may wait for locks and hold them.
struct LockOptions: ParsableArguments {
  @Option(
    name: .long,
    help: ArgumentHelp(
      "How long one attempt waits for a lock (default: \(Bounds.lockBudgetDefault)).",
      valueName: "time"),
    transform: Interval.argument)
  var lockBudget: Interval = Bounds.lockBudgetDefault

  @Option(
    name: .long,
    help: ArgumentHelp(
      """
      How long a lock is held, at most half of the service's busy timeout (default: \
      \(Bounds.holdBudgetDefault)).
      """,
      valueName: "time"),
    transform: Interval.argument)
  var holdBudget: Interval = Bounds.holdBudgetDefault

  @Option(
    name: .long,
    help: ArgumentHelp(
      "How long all attempts at a lock may take (default: \(Bounds.lockDeadline)).",
      valueName: "time"),
    transform: Interval.argument)
  var lockDeadline: Interval = Bounds.lockDeadline

  @Option(
    name: .long,
    help: ArgumentHelp(
      """
      The share of the time that a backfill works, in percent, 1 to 100; it rests for the others \
      between its batches (default: \(Bounds.backfillShareDefault)).
      """,
      valueName: "percent"),
    transform: LockOptions.share)
  var backfillShare: Int = Bounds.backfillShareDefault

  private static func share(_ text: String) throws -> Int {
    guard let share = Int(text), (1...100).contains(share) else {
      throw ValidationError("\"\(text)\" is no share; write a number from 1 to 100.")
    }
    return share
  }

  /// The limits as a value.
  var limits: LockLimits {
    LockLimits(
      lockBudget: lockBudget, holdBudget: holdBudget, lockDeadline: lockDeadline,
      backfillShare: backfillShare)
  }
}

/// How long a command may wait for locks and hold them, and how much of the time it works, as a
/// value.
struct LockLimits: Hashable, Sendable {
  var lockBudget = Bounds.lockBudgetDefault
  var holdBudget = Bounds.holdBudgetDefault
  var lockDeadline = Bounds.lockDeadline
  var backfillShare = Bounds.backfillShareDefault
}

extension Interval {
  /// Reads `100ms`, `10s`, `5m`, `24h` or `7d` from the command line.
  static func argument(_ text: String) throws -> Interval {
    guard let interval = Interval(text) else {
      throw ValidationError("\"\(text)\" is no time; write 100ms, 10s, 5m, 24h or 7d.")
    }
    return interval
  }
}

extension MigrationPhase {
  /// Reads a phase's name from the command line.
  static func argument(_ text: String) throws -> MigrationPhase {
    guard let phase = MigrationPhase(rawValue: text) else {
      throw ValidationError("\"\(text)\" is no phase; write expand, backfill or contract.")
    }
    return phase
  }
}

extension Timestamp {
  /// The moment as part of a name: `20261122T093000Z`.
  var compactText: String { rfc3339.filter { $0 != "-" && $0 != ":" } }
}

extension SchemaVersion {
  /// The number for machines.
  var json: Int64 { Int64(clamping: number) }
}
