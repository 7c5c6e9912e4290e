import ArgumentParser
import WindlassCore
import WindlassWire

/// `windlass pause`: no new run starts.
struct PauseCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "pause",
    abstract: "Lets no new run start; a run that is open stops at its next safe point.",
    discussion: "Example: windlass pause --service beacon --reason \"sale today\"")

  @OptionGroup var decision: DecisionOptions
  @OptionGroup var control: ControlOptions
  @OptionGroup var outputOptions: OutputOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    try output.show(control.ask(.pause, decision.arguments))
  }
}

/// `windlass resume`: undoes `pause`.
struct ResumeCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "resume",
    abstract: "Lets runs start and go on again.",
    discussion: "Example: windlass resume --service beacon")

  @OptionGroup var decision: DecisionOptions
  @OptionGroup var control: ControlOptions
  @OptionGroup var outputOptions: OutputOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    try output.show(control.ask(.resume, decision.arguments))
  }
}

/// `windlass rollback`: turns the open run around.
struct RollbackCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "rollback",
    abstract: "Turns the open run around, as long as its commit point is not reached.",
    discussion: """
      Instances go back to the release from before; the database stays as it is, because both \
      releases work on it. After the commit point this exits 1: see windlass downgrade.

      Example: windlass rollback --service beacon --reason "slow answers"
      """)

  @OptionGroup var decision: DecisionOptions
  @OptionGroup var control: ControlOptions
  @OptionGroup var outputOptions: OutputOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    try output.show(control.ask(.rollback, decision.arguments))
  }
}

/// `windlass adopt`: says which release runs.
struct AdoptCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "adopt",
    abstract: "Says which release is deployed, where the daemon can't tell.",
    discussion: "Example: windlass adopt --version 1.0.0 --service beacon")

  @OptionGroup var version: VersionOption
  @OptionGroup var decision: DecisionOptions
  @OptionGroup var control: ControlOptions
  @OptionGroup var outputOptions: OutputOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    try output.show(control.ask(.adopt, version.arguments(and: decision)))
  }
}

/// `windlass approve`: lets a release that waits for it be run.
struct ApproveCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "approve",
    abstract: "Lets a run to this release start, where the policy asks for approval.",
    discussion: "Example: windlass approve --version 1.1.0 --service beacon")

  @OptionGroup var version: VersionOption
  @OptionGroup var decision: DecisionOptions
  @OptionGroup var control: ControlOptions
  @OptionGroup var outputOptions: OutputOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    try output.show(control.ask(.approve, version.arguments(and: decision)))
  }
}

/// `windlass downgrade`: rolls instances to the release from before, inside the rollback window.
struct DowngradeCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "downgrade",
    abstract: "Rolls instances back to a lower release while the rollback window is open.",
    discussion: """
      The window is open until the run's commit point, and leads to the release that the run began \
      with. Outside it this exits 1 and says that only windlass restore will do. No .down.sql is \
      ever run.

      Example: windlass downgrade --version 1.0.0 --service beacon
      """)

  @OptionGroup var version: VersionOption
  @OptionGroup var decision: DecisionOptions
  @OptionGroup var control: ControlOptions
  @OptionGroup var outputOptions: OutputOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    try output.show(control.ask(.downgrade, version.arguments(and: decision)))
  }
}

/// `windlass quarantine`: keeps a release from being tried, or lets it be tried again.
struct QuarantineCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "quarantine",
    abstract: "Keeps a release from being tried; with --lift, lets it be tried again.",
    discussion: "Example: windlass quarantine --version 1.1.1 --lift --reason \"disk was full\"")

  @Flag(name: .long, help: "Let the release be tried again.")
  var lift = false

  @OptionGroup var version: VersionOption
  @OptionGroup var decision: DecisionOptions
  @OptionGroup var control: ControlOptions
  @OptionGroup var outputOptions: OutputOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    var arguments = try version.arguments(and: decision)
    arguments["lift"] = .bool(lift)
    return try output.show(control.ask(.quarantine, arguments))
  }
}

/// `windlass confirm-dead`: a person's word that an instance is gone.
struct ConfirmDeadCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "confirm-dead",
    abstract: "Gives a person's word that an instance in doubt is gone.",
    discussion: """
      The contract step waits for instances that may be alive. Say this only of one that can't \
      come back, for it may find a schema that it does not work with.

      Example: windlass confirm-dead beacon-7 --reason "machine was scrapped"
      """)

  @Argument(help: "The instance, as windlass status names it.")
  var instance: String

  @OptionGroup var decision: DecisionOptions
  @OptionGroup var control: ControlOptions
  @OptionGroup var outputOptions: OutputOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    var arguments = decision.arguments
    arguments["instance"] = .string(instance)
    return try output.show(control.ask(.confirmDead, arguments))
  }
}

/// The release that a decision is about.
struct VersionOption: ParsableArguments {
  @Option(
    name: .long,
    help: ArgumentHelp("The release, such as 1.1.0.", valueName: "version"))
  var version: String

  /// The version and the decision as arguments of a request.
  func arguments(
    and decision: DecisionOptions
  ) throws(CommandFailure) -> [String: JSONValue] {
    guard let parsed = Version(version) else {
      throw CommandFailure(
        .usage, "BadVersion",
        "--version is \"\(version)\", which is not a version. Write one such as 1.1.0, as windlass "
          + "plan or windlass status shows it.")
    }
    var arguments = decision.arguments
    arguments["version"] = .string(parsed.description)
    return arguments
  }
}
