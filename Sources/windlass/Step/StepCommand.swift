import ArgumentParser
import KubernetesFleet
import WindlassCore

/// `windlass step`: one effect of a run, as a Job carries it out in a cluster.
struct StepCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "step",
    abstract: "Carries out one step of a run; started by the operator as a Job.",
    discussion: """
      The plan is the document that all steps of the run read; another than the digest names is \
      refused. The order says what the kind alone does not. The database's URL is taken from \
      WINDLASS_DATABASE_URL, that of the server for scratch copies from WINDLASS_SCRATCH_URL. What \
      became of the step is written to the message's file, for whoever reads the pod.

      Example: windlass step inspect --plan /etc/windlass/plan/plan.json --plan-digest sha256:… \
      --order '{"inspect":{}}' --work /tmp

      Exit codes: 0 done, 1 failed, 2 usage, 3 unsafe, 4 unknown, 6 the ledger is dirty or a file \
      changed, 7 a lock was not obtained.
      """)

  @Argument(
    help: ArgumentHelp(
      "What to do: \(StepKind.ofWindlass.map(\.rawValue).joined(separator: ", ")).",
      valueName: "kind"),
    transform: StepKind.argument)
  var kind: StepKind

  @Option(name: .long, help: ArgumentHelp("The document of the run.", valueName: "file"))
  var plan: String

  @Option(
    name: .long, help: ArgumentHelp("The document's digest, sha256:….", valueName: "digest"))
  var planDigest: String

  @Option(name: .long, help: ArgumentHelp("What to do, as JSON.", valueName: "json"))
  var order: String

  @Option(
    name: .long,
    help: ArgumentHelp(
      "What the fence must say; with another number nothing is done.", valueName: "number"))
  var epoch: Int64?

  @Option(
    name: .long,
    help: ArgumentHelp(
      "The volume of backups, evidence and archives, for the steps that use it.",
      valueName: "directory"))
  var volume: String?

  @Option(
    name: .long,
    help: ArgumentHelp("A directory for what goes with the step.", valueName: "directory"))
  var work: String

  @Option(
    name: .long, help: ArgumentHelp("Where the outcome is written.", valueName: "file"))
  var message = StepPaths.message

  @OptionGroup var outputOptions: OutputOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    let program = StepProgram(
      kind: kind, planPath: plan, planDigest: planDigest, orderText: order,
      epoch: epoch.map { Epoch($0) }, volume: volume, work: work)
    // A pod that is taken away is told so before it is killed.
    let end = try await RehearseCommand.endingOnSignal { await program.run() }
    let isWritten = TerminationLog(path: message).write(end.message.bytes)
    StepReport(end.message).write(to: output, end.failure)
    // An outcome that nobody can read is none.
    return isWritten ? end.status : (end.status == .done ? .failed : end.status)
  }
}

extension StepKind {
  /// The kinds that are commands of Windlass.
  static let ofWindlass = StepKind.allCases.filter { $0 != .command }

  /// Reads a kind from the command line.
  static func argument(_ text: String) throws -> StepKind {
    guard let kind = StepKind(rawValue: text), kind != .command else {
      let known = ofWindlass.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("\"\(text)\" is no step; write one of \(known).")
    }
    return kind
  }
}
