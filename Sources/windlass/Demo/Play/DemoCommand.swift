import ArgumentParser

/// `windlass demo`: the whole story on this machine.
struct DemoCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "demo",
    abstract: "Shows three upgrades of an example service on this machine, under load.",
    discussion: """
      Installs the feature-flag server Beacon from a signed manifest, puts numbered \
      requests to it, and offers three releases to the real daemon: an honest one, one that drops \
      a column too early, and one that breaks after it became ready. Exit code 0 means that no \
      request was lost and every release was treated as it should be. Everything stays on \
      127.0.0.1 and in a private directory, which is removed. With --database postgres or mysql \
      a private server is started, reached by a UNIX socket alone, and stopped in the end; its \
      programs must be installed.

      Example: windlass demo --json
      Example: windlass demo --database postgres
      """)

  @Option(help: "Requests a second.")
  var rate = LoadShape().rate

  @Option(help: "The database: sqlite, postgres or mysql (MariaDB).")
  var database = DemoEngine.sqlite

  @Flag(help: "Keep the directory with databases, logs, backups and manifests.")
  var keep = false

  @OptionGroup var outputOptions: OutputOptions

  func validate() throws {
    guard (1...100_000).contains(rate) else { throw ValidationError("--rate is 1 to 100000.") }
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let world = try await DemoWorld(database)
    let report: Result<DemoReport, any Error>
    var wasInterrupted = false
    do {
      let played = try await Interruption.watching { interruption in
        try await Demo(
          world: world, view: DemoView(output), rate: rate, interruption: interruption
        ).play()
      }
      report = .success(played)
    } catch {
      wasInterrupted = error is CancellationError
      report = .failure(error)
    }
    await world.tearDown()
    let isGood = (try? report.get())?.isGood ?? false
    // Whoever has to find out why needs the logs; whoever had enough does not.
    if keep || !isGood && !wasInterrupted {
      output.progress("The demo's files stay in \(world.directory.path)")
    } else {
      world.directory.remove()
    }
    try report.get().write(to: output)
    return isGood ? .done : .failed
  }
}

extension DemoEngine: ExpressibleByArgument {}
