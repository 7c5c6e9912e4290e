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

      Example: windlass gate --database env:BEACON_DB --schema '>=16' --wait 60s
      Example: windlass gate --database env:BEACON_DB --schema '>=3 <=5'

      Exit codes: 0 the server may start, 5 not in time, 6 the ledger is dirty, 1 the database \
      can't be read.
      """)

  @OptionGroup var databaseOptions: DatabaseOptions

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Comparisons that must all hold: >=, <=, >, <, =, != and a version.", valueName: "condition"))
  var schema: SchemaCondition

  @Option(
    name: .long, help: ArgumentHelp("How long to wait for it.", valueName: "time"),
    transform: Interval.argument)
  var wait: Interval = .zero

  @OptionGroup var outputOptions: OutputOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    let clock = SystemClock(floor: nil)
    let database = try databaseOptions.target().reader(now: clock.now)
    let deadline = clock.now() + wait
    while true {
      let answer = await answer(of: database)
      if case .success(let reading) = answer, !reading.isDirty, schema.admits(reading.version) {
        report(reading, output, status: .done)
        return .done
      }
      guard clock.now() < deadline else { return try finish(answer, output) }
      let next = clock.now() + Bounds.gateInterval
      await clock.sleep(until: min(next, deadline))
      try Task.checkCancellation()
    }
  }

  private func answer(
    of database: any ServiceDatabase
  ) async -> Result<LedgerReading, StepFailure> {
    do throws(StepFailure) {
      return .success(try await database.inspect())
    } catch {
      return .failure(error)
    }
  }

  private func finish(
    _ answer: Result<LedgerReading, StepFailure>, _ output: Output
  ) throws -> ExitStatus {
    let reading = try answer.get()
    let status: ExitStatus = reading.isDirty ? .dirty : .pending
    report(reading, output, status: status)
    return status
  }

  private func report(_ reading: LedgerReading, _ output: Output, status: ExitStatus) {
    output.object([
      "open": .bool(status == .done), "condition": .string(schema.text),
      "version": reading.version.map { .integer($0.json) } ?? .null,
      "dirty": .bool(reading.isDirty),
    ])
    let version = reading.version.map { "version \($0)" } ?? "without any migration"
    switch status {
    case .done: output.line(.good("open"), " the schema is \(version), clean.")
    case .dirty:
      output.line(
        .bad("closed"), " the ledger is dirty at \(version). Look at `windlass schema`.")
    default:
      output.line(
        .warning("closed"),
        """
         the schema is \(version), and the server needs \(schema.text). Run the upgrade, or \
        `windlass migrate`; with --wait this command waits for it.
        """)
    }
  }
}
