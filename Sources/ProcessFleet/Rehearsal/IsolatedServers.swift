import Glibc
package import WindlassCore

/// Rehearsed servers as processes without a network but loopback, reached over listeners that they
/// inherit. They die with the daemon; what is left of them all the same is swept at the next start.
package actor IsolatedServers: RehearsalServers {
  private let settings: RehearsalServerSettings
  private let artifacts: ArtifactDirectory
  private var processes: [String: RehearsalProcess] = [:]
  /// How the entry begins by which every server of this work directory is known; set once
  /// leftovers were swept.
  private var mark: String?
  private let executor = BlockingExecutor(label: "windlass.rehearsal")

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// Starts nothing yet.
  package init(settings: RehearsalServerSettings, artifacts: ArtifactDirectory) {
    self.settings = settings
    self.artifacts = artifacts
  }

  /// Verifies the program and starts it behind listeners of its own.
  package func start(
    _ release: Release, databaseURL: String, label: String
  ) async throws(StepFailure) -> RehearsalServer {
    let command = try await InstanceCommand.resolve(
      settings.command, for: release, artifacts: artifacts)
    if mark == nil { try sweepLeftovers() }
    // One of the same name is left of a rehearsal that was given up.
    _ = processes.removeValue(forKey: label)?.stop(grace: .zero)
    let order: RehearsalProcess.Order
    let address: SocketAddress
    do throws(SystemError) {
      (order, address) = try prepare(command, databaseURL: databaseURL, label: label)
    } catch {
      throw error.failure(
        code: "ServerNotStarted", next: "release \(release.version) was not rehearsed")
    }
    processes[label] = try RehearsalProcess(order)
    return RehearsalServer(
      label: label, release: release.version, baseURL: "http://\(address)")
  }

  /// Looks at the server now; what was seen once stays in the report.
  package func report(
    on server: RehearsalServer
  ) async throws(StepFailure) -> RehearsalServerReport {
    let process = try process(server)
    try await watch(process)
    return process.look()
  }

  /// Ends the server and all that it has started, at once when the task is cancelled.
  package func stop(
    _ server: RehearsalServer
  ) async throws(StepFailure) -> RehearsalServerReport {
    let process = try process(server)
    try await watch(process)
    return process.stop(grace: settings.grace)
  }

  /// Ends every server of an earlier daemon that is still there; returns how many processes that
  /// were. Called by the first start too.
  @discardableResult
  package func sweepLeftovers() throws(StepFailure) -> Int {
    guard mark == nil else { return 0 }
    let mark: String
    do throws(SystemError) {
      mark = try readMark()
    } catch {
      throw error.failure(
        code: "RehearsalDirectoryUnusable",
        next: "make the directory \(settings.workDirectory) writable")
    }
    self.mark = mark
    return ProcessTable.kill { ProcessTable.hasEnvironment($0, entryPrefix: mark) }
  }

  /// Looks at the databases that are no files, while the server runs.
  private func watch(_ process: RehearsalProcess) async throws(StepFailure) {
    guard let watch = settings.databaseWatch, process.isRunning else { return }
    process.note(try await watch(process.order.databaseURL))
  }

  private func process(_ server: RehearsalServer) throws(StepFailure) -> RehearsalProcess {
    guard let process = processes[server.label] else {
      throw StepFailure(
        code: "UnknownServer", disposition: .stop,
        message: "No server \"\(server.label)\" was started here; rehearse again.")
    }
    return process
  }

  /// The beginning that the entries of all our servers have: random, so that nobody else's has it,
  /// and kept, so that the next daemon knows it.
  private func readMark() throws(SystemError) -> String {
    try Files.makePrivateDirectory(settings.workDirectory)
    let file = settings.workDirectory + "/mark"
    if let text = Files.text(file), text.utf8.count == 32 { return "WINDLASS_REHEARSAL=\(text)." }
    let text = RandomName.make()
    try Files.replace(file, with: Array(text.utf8), mode: 0o600)
    return "WINDLASS_REHEARSAL=\(text)."
  }

  private func prepare(
    _ command: InstanceCommand, databaseURL: String, label: String
  ) throws(SystemError) -> (RehearsalProcess.Order, SocketAddress) {
    let names = settings.listenerNames + [ListenerTable.privateName]
    let sockets = try names.map { (name) throws(SystemError) in
      (
        name: name,
        socket: try ListeningSocket.bind(to: .anyLoopback, backlog: Bounds.privateBacklog)
      )
    }
    let plain = label.map { $0.isASCII && ($0.isLetter || $0.isNumber) ? $0 : "-" }
    let log = "\(settings.workDirectory)/\(String(plain)).log"
    unlink(log)
    let cookie = "\(mark ?? "")\(RandomName.make())"
    let database = settings.databaseVariable.map {
      InjectedDatabase(variable: $0, url: databaseURL)
    }
    var flags: SpawnFlags = [.newSession, .diesWithParent]
    if settings.usesOwnNetwork { flags.insert(.ownNetwork) }
    if command.isScript { flags.insert(.keepsExecutable) }
    let spawn = SpawnOrder(
      executable: command.executable, arguments: command.arguments,
      environment: InstanceEnvironment.entries(settings.environment, database: database)
        + [cookie],
      listeners: sockets.map { ($0.name, $0.socket.descriptor) }, directory: command.directory,
      input: try Descriptor.checked(open("/dev/null", O_RDONLY | O_CLOEXEC), "open", "/dev/null"),
      output: try LogFile.open(log), flags: flags)
    let order = RehearsalProcess.Order(
      spawn: spawn, cookie: cookie, log: log,
      scratchFile: database == nil ? nil : OpenFileWatch.file(ofDatabaseURL: databaseURL),
      productionFiles: settings.productionFiles, databaseURL: databaseURL)
    // The private listener is the last one; its name was added above.
    return (order, sockets.last?.socket.address ?? .anyLoopback)
  }
}
