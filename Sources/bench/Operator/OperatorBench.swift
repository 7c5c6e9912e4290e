import ArgumentParser
import WindlassWire

/// Measures the operator with many services on a simulated API server, beside one made with kopf.
struct OperatorBench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "operator",
    abstract: "Measures the operator with many services at rest, and all upgrading at once.",
    discussion: "Example: .ci/bench.sh operator")

  @Option(help: "How many services there are.") var services = 1_000
  @Option(help: "Seconds of rest that are measured.") var seconds = 120
  @Option(help: "How many services may be at work at a time.") var concurrency = 50
  @Option(help: "Seconds in which all have to be at rest, and in which all have to be upgraded.")
  var patience = 3_600
  @Flag(help: "Have all services see a new release at once, after the rest.") var wave = false
  @Flag(help: "Print one JSON object instead of a table.") var json = false
  @Option(help: "The program that is measured.") var windlass: String
  @Option(help: "The simulated API server.") var simulator: String
  @Option(help: "A line that starts an operator to compare with; it gets KUBECONFIG.")
  var other: String?
  @Option(help: "An empty folder for logs and configurations.") var folder: String

  func validate() throws {
    guard (1...9_999).contains(services) else {
      throw ValidationError("--services takes 1 to 9999")
    }
    guard seconds > 0, patience > 0 else {
      throw ValidationError("--seconds and --patience take at least 1")
    }
  }

  func run() async throws {
    let manifests = try await ManifestServer()
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { try await manifests.run() }
      let trial = try await OperatorTrial(self, manifests)
      do {
        let report = try await trial.run()
        print(json ? report.json.text : report.table)
      } catch {
        trial.end()
        throw error
      }
      trial.end()
      group.cancelAll()
    }
  }
}
