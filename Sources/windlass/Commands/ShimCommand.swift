import ArgumentParser
import ProcessFleet

/// `windlass shim`: what the daemon starts to own a service's sockets and instances.
struct ShimCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "shim",
    abstract: "Owns a service's listening sockets and its instances; started by the agent.",
    discussion: """
      It starts and stops instances only when told to over the socket in its state directory, \
      survives the agent, and ends when it is told to leave. Ended in any other way it leaves the \
      instances serving, and the next shim takes them and the sockets over.

      Example: windlass shim --state /var/lib/windlass/beacon/shim
      """)

  @Option(name: .long, help: "The directory of its records, logs and control socket.")
  var state: String

  @Option(name: .long, help: .hidden)
  var readyDescriptor: Int32?

  @Option(name: .long, help: .hidden)
  var bootIDPath: String?

  @OptionGroup var outputOptions: OutputOptions

  /// Serves on the calling thread, which is the main one: nothing here is concurrent.
  func run() throws {
    do {
      try ShimProgram(
        stateDirectory: state, readyDescriptor: readyDescriptor, bootIDPath: bootIDPath
      ).run()
    } catch {
      throw CommandFailure(error)
    }
  }
}
