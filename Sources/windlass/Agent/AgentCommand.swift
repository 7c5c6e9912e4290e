import ArgumentParser
import CurlTransport
import Logging
import ProcessFleet
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

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Let `windlass launch` run the instances, through the folder that it serves.",
      valueName: "folder"))
  var launcher: String?

  @Option(
    name: .long,
    help: ArgumentHelp(
      "How the launcher is told of orders: file, signal, or a URL of this pod to POST them to.",
      valueName: "how"))
  var wake: String?

  @OptionGroup var outputOptions: OutputOptions

  func validate() throws {
    guard wake == nil || launcher != nil else {
      throw ValidationError("--wake says how a launcher is told: name its folder with --launcher.")
    }
    if let wake, LauncherWake(text: wake) == nil {
      throw ValidationError(
        "--wake \(wake) is no way to tell a launcher: write file, signal, or an http URL of this "
          + "pod such as http://127.0.0.1:9000/orders.")
    }
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let configurations: [ServiceConfiguration]
    do throws(ConfigurationError) {
      configurations = try ConfigurationFile.load(config)
    } catch {
      throw error.failure
    }
    let place = launcher.map {
      LauncherPlace(folder: $0, wake: wake.flatMap { LauncherWake(text: $0) } ?? .file)
    }
    try place?.check(configurations)
    let directory = StateDirectory(state)
    try directory.prepare(for: configurations.map(\.name))
    let lock = try directory.lock()
    defer { withExtendedLifetime(lock) {} }
    if let place, configurations[0].fleet.replicas > 1 {
      guard !once else {
        throw CommandFailure(
          .usage, "BadArgument",
          "--once can't be used with several replicas: the sidecars of the others have to be there "
            + "as well. Leave it out.")
      }
      return try await Sidecar(
        configurations[0], state: directory, launcher: place, logger: Self.logger()
      ).serve()
    }
    let agent = try await Agent(
      configurations, state: directory, launcher: place, logger: Self.logger())
    return try await once ? agent.runOnce(output) : agent.run()
  }

  private static func logger() -> Logger {
    Logger(label: "windlass", factory: { _ in StandardErrorLog() })
  }
}
