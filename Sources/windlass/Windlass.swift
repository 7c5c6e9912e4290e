import ArgumentParser
import Glibc
import WindlassSchema
import WindlassWire

/// The program: parses arguments, runs the command, and turns every ending into an exit code.
@main
struct Windlass: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "windlass",
    abstract: "Lifts a running service and its database from one release to the next.",
    discussion: """
      Example: windlass demo

      Exit codes: 0 done or safe, 1 failed, 2 usage or configuration, 3 unsafe, 4 unknown, \
      5 pending, 6 dirty ledger or changed file, 7 lock not obtained.
      """,
    version: "windlass \(version)",
    subcommands: subcommands)

  /// Every command, one a line, in the order that `--help` shows.
  private static let subcommands: [any ParsableCommand.Type] = [
    AdoptCommand.self,
    AgentCommand.self,
    ApproveCommand.self,
    BackupCommand.self,
    ConfirmDeadCommand.self,
    DemoCommand.self,
    DowngradeCommand.self,
    GateCommand.self,
    HistoryCommand.self,
    LaunchCommand.self,
    LoadCommand.self,
    ManifestCommand.self,
    MigrateCommand.self,
    NotesCommand.self,
    OperatorCommand.self,
    PauseCommand.self,
    PlanCommand.self,
    QuarantineCommand.self,
    QueriesCommand.self,
    RehearseCommand.self,
    RestoreCommand.self,
    ResumeCommand.self,
    RollbackCommand.self,
    SchemaCommand.self,
    ShimCommand.self,
    StageCommand.self,
    StatusCommand.self,
    StepCommand.self,
  ]

  /// The version of this build.
  static let version = "0.1.0"

  static func main() async {
    let arguments = Array(CommandLine.arguments.dropFirst())
    let root = root(calledBy: CommandLine.arguments.first ?? "")
    // What there is most often nothing to do for begins no thread for that.
    if root == Windlass.self, PlainArguments.migrateOrder(arguments) != nil {
      let end = BlockingExecutor.run { await status(of: arguments, on: $0) }
      // Everything is written; what thirty libraries would clean up ends with the process.
      _exit(end.rawValue)
    }
    Glibc.exit(await status(of: arguments, as: root).rawValue)
  }

  /// What the program is when it is called by that path: kubectl finds its plug-ins by their names.
  static func root(calledBy path: String) -> any AsyncParsableCommand.Type {
    path.split(separator: "/").last == "kubectl-windlass" ? KubectlPlugin.self : Windlass.self
  }

  /// Runs the program on the arguments and says how it ends.
  ///
  /// - Parameter executor: where a migration engine works; nil for a thread of its own.
  static func status(
    of arguments: [String], as root: any AsyncParsableCommand.Type = Windlass.self,
    on executor: BlockingExecutor? = nil
  ) async -> ExitStatus {
    let output = Output(isJSON: FormatOptions.isJSON(arguments))
    do {
      try ProcessSetUp.perform()
      if root == Windlass.self, let order = PlainArguments.migrateOrder(arguments) {
        return await order.run(output, on: executor)
      }
      var command = try root.parseAsRoot(arguments)
      if var asynchronous = command as? any AsyncParsableCommand {
        try await asynchronous.run()
      } else {
        try command.run()
      }
      return .done
    } catch let failure as CommandFailure {
      output.failure(failure)
      return failure.status
    } catch {
      return finish(error, of: arguments, root, output)
    }
  }

  /// Ends after an error of the argument parser: help that was asked for, an exit code that a
  /// command chose, or wrong usage.
  private static func finish(
    _ error: any Error, of arguments: [String], _ root: any AsyncParsableCommand.Type,
    _ output: Output
  ) -> ExitStatus {
    if let code = error as? ExitCode { return ExitStatus(rawValue: code.rawValue) ?? .failed }
    let text = root.fullMessage(for: error)
    guard root.exitCode(for: error).rawValue != 0 else {
      output.help(text)
      return .done
    }
    let message = withoutSecrets(text.replacingPrefix("Error: ", with: ""), arguments)
    output.failure(CommandFailure(.usage, "Usage", message))
    return .usage
  }

  /// The message without the arguments that may hold a password, which the parser repeats.
  static func withoutSecrets(_ message: String, _ arguments: [String]) -> String {
    arguments.reduce(message) { message, argument in
      let value = argument.split(separator: "=", maxSplits: 1).last.map(String.init) ?? argument
      return [argument, value].filter { $0.contains(where: ":@= ".contains) }
        .filter(TextRules.mayHoldSecret).reduce(message) { $0.replacing($1, with: "***") }
    }
  }
}

extension String {
  /// This text with another beginning, where it has that one.
  fileprivate func replacingPrefix(_ prefix: String, with replacement: String) -> String {
    hasPrefix(prefix) ? replacement + dropFirst(prefix.count) : self
  }
}
