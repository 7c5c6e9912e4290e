import ArgumentParser
import ProcessFleet
import WindlassCore

/// `windlass launch`: the first process of a container whose service a sidecar looks after.
struct LaunchCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "launch",
    abstract: "Runs what a sidecar orders, as the first process of a container.",
    discussion: """
      For the main container of a pod. The sidecar, `windlass agent --launcher FOLDER`, verifies \
      artifacts and writes orders into the folder; the launcher checks each program again, binds \
      the service's listeners once, runs the instances on them with its own environment, and \
      reports what it sees. It looks at the orders several times a second, and at once on SIGHUP.

      On SIGTERM every instance gets SIGTERM, and SIGKILL after its drain and grace; then it ends. \
      Killed, it leaves the instances serving, and the next launcher takes them over.

      Example: windlass launch --folder /windlass/launcher
      """)

  @Option(name: .long, help: "The folder that it shares with the sidecar.")
  var folder: String

  @OptionGroup var outputOptions: OutputOptions

  /// Serves on the calling thread, which is the main one: nothing here is concurrent.
  func run() throws {
    do {
      try LauncherProgram(folder: folder).run()
    } catch {
      throw CommandFailure(error)
    }
  }
}
