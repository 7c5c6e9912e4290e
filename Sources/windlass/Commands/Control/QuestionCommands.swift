import ArgumentParser
import WindlassWire

/// `windlass plan`: what would happen next, and why.
struct PlanCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "plan",
    abstract: "Shows what the daemon would do next, and why.",
    discussion: """
      Exits 0 when there is nothing to do, 5 when there is.

      Example: windlass plan --service beacon
      """)

  @OptionGroup var control: ControlOptions
  @OptionGroup var outputOptions: OutputOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    try output.show(control.ask(.plan), PlanView.show)
  }
}

/// `windlass status`: what is.
struct StatusCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "status",
    abstract: "Shows what runs, what it waits for, and how the last runs ended.",
    discussion: "Example: windlass status --service beacon --json")

  @OptionGroup var control: ControlOptions
  @OptionGroup var outputOptions: OutputOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    try output.show(control.ask(.status), StatusView.show)
  }
}

/// `windlass history`: what was.
struct HistoryCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "history",
    abstract: "Shows the runs that ended, newest first, with verdicts and reasons.",
    discussion: "Example: windlass history --limit 5")

  @Option(
    name: .long, help: ArgumentHelp("Show at most so many runs.", valueName: "number"))
  var limit = 20

  @Option(
    name: .long, help: ArgumentHelp("Show one run with all its evidence.", valueName: "id"))
  var run: String?

  @OptionGroup var control: ControlOptions
  @OptionGroup var outputOptions: OutputOptions

  func validate() throws {
    guard (1...1_000).contains(limit) else {
      throw ValidationError("--limit is \(limit). Allowed: a whole number from 1 to 1000.")
    }
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let arguments: [String: JSONValue] = [
      "limit": .integer(Int64(limit)), "run": run.map { .string($0) } ?? .null,
    ]
    var response = try control.ask(.history, arguments)
    let runs = (response.body["runs"]?.array ?? []).filter { run == nil || $0["id"]?.string == run }
    if let run, runs.isEmpty {
      throw CommandFailure(
        .failed, "RunUnknown",
        "No run \(run) has ended here. windlass history shows the runs that did, and windlass "
          + "status the one that is open.")
    }
    response.body = ["runs": .array(Array(runs.prefix(limit)))]
    return try output.show(response, HistoryView.show)
  }
}

/// `windlass notes`: the release notes on the path.
struct NotesCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "notes",
    abstract: "Shows the release notes of every release on the path.",
    discussion: "Example: windlass notes --service beacon")

  @OptionGroup var control: ControlOptions
  @OptionGroup var outputOptions: OutputOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    try output.show(control.ask(.notes), NotesView.show)
  }
}
