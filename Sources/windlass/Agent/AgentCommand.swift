import ArgumentParser
import CurlTransport
import Logging
import SQLiteDriver
import ServiceLifecycle
import UnixSignals
import WindlassCore
import WindlassEngine
import WindlassJournal
import WindlassWire

/// The daemon for one or more services outside a cluster.
struct AgentCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "agent",
    abstract: "Run the daemon for the services that a configuration file names.",
    discussion: """
      Example: windlass agent --config /etc/windlass/beacon.yaml --state /var/lib/windlass

      The daemon can be killed at any moment: instances and their listening sockets live on in a \
      shim, and the next daemon goes on from the journal. With --once it returns when every \
      service is as it should be, or stands still: 0 done, 3 refused as unsafe, 4 nothing could \
      be shown, 5 waiting for an approval, 1 anything else.
      """)

  @Option(name: .long, help: "The file with ManagedService documents.")
  var config: String

  @Option(name: .long, help: "Where the daemon keeps its journal, artifacts and sockets.")
  var state = StateDirectory.standard

  @Flag(name: .long, help: "Poll once, bring every service to rest, and return.")
  var once = false

  @OptionGroup var outputOptions: OutputOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    let configurations: [ServiceConfiguration]
    do throws(ConfigurationError) {
      configurations = try ConfigurationFile.load(config)
    } catch {
      throw error.failure
    }
    let directory = StateDirectory(state)
    try directory.prepare(for: configurations.map(\.name))
    let lock = try directory.lock()
    defer { withExtendedLifetime(lock) {} }
    let agent = try await Agent(configurations, state: directory, logger: Self.logger())
    return try await once ? agent.runOnce(output) : agent.run()
  }

  private static func logger() -> Logger {
    Logger(label: "windlass", factory: { _ in StandardErrorLog() })
  }
}
