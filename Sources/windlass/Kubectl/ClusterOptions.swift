import ArgumentParser
import CurlTransport
import KubernetesFleet
import WindlassCore
import WindlassWire

/// Which cluster, and which namespace of it.
struct ClusterOptions: ParsableArguments {
  @Option(
    name: .long,
    help: ArgumentHelp(
      "How to reach the cluster; else KUBECONFIG, the pod's ServiceAccount, ~/.kube/config.",
      valueName: "file"))
  var kubeconfig: String?

  @Option(name: .long, help: "The context of the kubeconfig, instead of its current one.")
  var context: String?

  @Option(
    name: .shortAndLong,
    help: ArgumentHelp("The service's namespace (default: the context's).", valueName: "name"))
  var namespace: String?

  /// Finds out how the cluster is reached; nothing is asked of it yet.
  ///
  /// - Throws: `CommandFailure` with `.usage` for a kubeconfig that can't be used.
  func reach(_ output: Output) throws(CommandFailure) -> ReachedCluster {
    let environment = ProcessEnvironment.all
    let access: ClusterAccess
    do throws(AccessError) {
      access = try ClusterAccess.find(
        kubeconfig: kubeconfig, context: context, environment: environment)
    } catch {
      throw CommandFailure(.usage, "BadConfiguration", error.message)
    }
    for warning in access.warnings { output.progress(.warning("warning: "), Span(warning)) }
    let clock = SystemClock(floor: nil)
    let client = KubernetesClient(
      access, fieldManager: ReachedCluster.manager, clock: clock,
      plugins: PluginProcess(environment: environment),
      transport: { security throws(HTTPError) in try CurlTransport(security: security) })
    return ReachedCluster(
      client: client, namespace: namespace ?? access.namespace, clock: clock,
      makeID: ReachedCluster.freshID, ask: ReachedCluster.askTerminal)
  }
}

/// How a command of the plug-in writes.
struct FormatOptions: ParsableArguments {
  /// What kubectl's `-o` may name here.
  enum Form: String, CaseIterable, ExpressibleByArgument { case json }

  @Flag(name: .long, help: "Write JSON, one object or one object a line, and nothing for people.")
  var json = false

  @Option(
    name: [.customShort("o", allowingJoined: true), .customLong("output")],
    help: ArgumentHelp("The same as --json, in kubectl's words.", valueName: "format"))
  var form: Form?

  var isJSON: Bool { json || form == .json }

  /// Whether words that could not be parsed ask for JSON all the same.
  static func isJSON(_ words: [String]) -> Bool {
    let joined = ["--json", "-ojson", "-o=json", "--output=json"]
    return words.contains(where: joined.contains)
      || zip(words, words.dropFirst()).contains { ["-o", "--output"].contains($0) && $1 == "json" }
  }
}

/// A command of the plug-in.
protocol KubectlCommand: AsyncParsableCommand {
  /// Declare it as `@OptionGroup var place: ClusterOptions`.
  var place: ClusterOptions { get }
  /// Declare it as `@OptionGroup var format: FormatOptions`.
  var format: FormatOptions { get }

  /// Does the work and says how the program ends.
  func perform(_ output: Output, on cluster: ReachedCluster) async throws -> ExitStatus
}

extension KubectlCommand {
  func run() async throws {
    try await report(Output(isJSON: format.isJSON)) { output in
      try await perform(output, on: try place.reach(output))
    }
  }
}
