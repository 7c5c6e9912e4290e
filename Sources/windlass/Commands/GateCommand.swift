import ArgumentParser
import WindlassCore
import WindlassSchema
import WindlassWire

/// `windlass gate`: lets a server start when the schema is right for it.
struct GateCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "gate",
    abstract: "Succeeds when the schema is one that a server can start on.",
    discussion: """
      For an init container or an ExecStartPre line. The ledger must be clean and its version must \
      meet the condition; with --wait it is asked again until it does.

      With --ledger the version is read from the ledger of another tool, which is never written. \
      The versions of dbmate, Flyway and Goose have an order; Alembic's revisions and Django's \
      names (APP.NAME) are only there or not: their conditions are NAME, =NAME and !=NAME.

      Example: windlass gate --database env:BEACON_DB --schema '>=16' --wait 60s
      Example: windlass gate --database env:BEACON_DB --schema '>=3 <=5'
      Example: windlass gate --database env:DB --ledger flyway --schema '>=1.2'
      Example: windlass gate --database env:DB --ledger alembic --schema ae1027a6acf

      Exit codes: 0 the server may start, 5 not in time, 6 the ledger is dirty, 7 golang-migrate \
      is at work, 1 the database can't be read.
      """)

  @OptionGroup var databaseOptions: DatabaseOptions
  @OptionGroup var ledgerOptions: LedgerOptions

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Comparisons that must all hold: >=, <=, >, <, =, != and a version.", valueName: "condition"))
  var schema: String

  @Option(
    name: .long, help: ArgumentHelp("How long to wait for it.", valueName: "time"),
    transform: Interval.argument)
  var wait: Interval = .zero

  @OptionGroup var outputOptions: OutputOptions

  func validate() throws {
    guard LedgerCondition(schema) != nil else {
      throw ValidationError(
        "\"\(schema)\" is no condition; write comparisons such as '>=16' or '>=3 <=5'.")
    }
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let clock = SystemClock(floor: nil)
    let gate = try gate(clock)
    let deadline = clock.now() + wait
    while true {
      let answer = await answer(of: gate)
      if case .success(let state) = answer, state.isOpen {
        report(state, output, status: .done)
        return .done
      }
      guard clock.now() < deadline else {
        let state = try answer.get()
        let status: ExitStatus = state.isDirty ? .dirty : .pending
        report(state, output, status: status)
        return status
      }
      let next = clock.now() + Bounds.gateInterval
      await clock.sleep(until: min(next, deadline))
      try Task.checkCancellation()
    }
  }

  /// What a ledger says, and whether that opens the gate.
  private struct State {
    var isOpen: Bool
    var isDirty: Bool
    /// The version for a person; nil when nothing was applied.
    var version: String?
    var json: JSONValue
  }

  private typealias Gate = @Sendable () async throws -> State

  /// Asks the ledger once; made before the first wait, so that wrong usage is told at once.
  private func gate(_ clock: SystemClock) throws -> Gate {
    guard let reader = try ledgerOptions.reader(databaseOptions) else {
      guard let condition = SchemaCondition(argument: schema) else {
        throw CommandFailure(
          .usage, "BadArgument",
          "\"\(schema)\" is no condition: golang-migrate's versions are numbers. Write '>=16', or"
            + " name another tool's ledger with --ledger.")
      }
      let database = try databaseOptions.target().reader(now: clock.now)
      return {
        let reading = try await database.inspect()
        return State(
          isOpen: !reading.isDirty && condition.admits(reading.version),
          isDirty: reading.isDirty, version: reading.version?.description,
          json: reading.version.map { .integer($0.json) } ?? .null)
      }
    }
    guard let condition = LedgerCondition(schema) else { preconditionFailure("validated before") }
    if !reader.isOrdered, let comparison = condition.comparisonByOrder {
      throw CommandFailure(
        .usage, "BadArgument",
        "\(comparison) needs an order, and the versions of \(ledgerOptions.ledger.rawValue) have"
          + " none. Write the name that must be applied, or !=NAME for one that must not be.")
    }
    return {
      let reading = try await reader.reading()
      let isOrdered = reader.isOrdered
      let version = isOrdered ? reading.highest : reading.applied.last
      return State(
        isOpen: condition.admits(reading, isOrdered: isOrdered), isDirty: reading.isDirty,
        version: version, json: version.map { .string($0) } ?? .null)
    }
  }

  private func answer(of gate: Gate) async -> Result<State, any Error> {
    do {
      return .success(try await gate())
    } catch {
      return .failure(error)
    }
  }

  private func report(_ state: State, _ output: Output, status: ExitStatus) {
    output.object([
      "open": .bool(status == .done), "condition": .string(schema), "version": state.json,
      "dirty": .bool(state.isDirty),
    ])
    let version = state.version.map { "version \($0)" } ?? "without any migration"
    switch status {
    case .done: output.line(.good("open"), " the schema is \(version), clean.")
    case .dirty:
      output.line(
        .bad("closed"), " the ledger is dirty at \(version). Look at `windlass schema`.")
    default:
      output.line(
        .warning("closed"),
        """
         the schema is \(version), and the server needs \(schema). Run the upgrade, or \
        `windlass migrate`; with --wait this command waits for it.
        """)
    }
  }
}
