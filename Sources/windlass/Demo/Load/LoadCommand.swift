import ArgumentParser
import UnixSignals
import WindlassCore
import WindlassWire

/// The demo's load by itself, for tests that upgrade a Beacon of their own.
struct LoadCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "load",
    abstract: "Puts numbered requests to a Beacon and accounts for every reply.",
    discussion: """
      Example: windlass load --port 8080 --rate 400 --seconds 10 --json

      Runs until the time is over, or until SIGTERM or SIGINT; exits 1 when a request was lost. \
      With --json the first line tells that the load runs, the last one what it did.
      """,
    shouldDisplay: false)

  @Option(help: "The port of 127.0.0.1 that the service listens on.")
  var port: UInt16

  @Option(help: "Requests a second.")
  var rate = LoadShape().rate

  @Option(help: "How long; without it, until a signal.")
  var seconds: Int?

  @Option(help: "Clients that keep their connections.")
  var keepAlive = LoadShape().keepAliveClients

  @Option(help: "Clients that connect anew for each request.")
  var newConnection = LoadShape().newConnectionClients

  @Option(help: "Clients that upload slowly.")
  var slowUpload = LoadShape().slowUploadClients

  @Option(help: "One in this many quick requests changes a flag; 0 for none.")
  var writeEvery = 100

  @OptionGroup var outputOptions: OutputOptions

  func validate() throws {
    guard (1...1_000_000).contains(rate), keepAlive + newConnection + slowUpload > 0,
      [keepAlive, newConnection, slowUpload].allSatisfy({ (0...256).contains($0) }),
      seconds.map({ (1...86_400).contains($0) }) ?? true
    else {
      throw ValidationError(
        "--rate is 1 to 1000000, --seconds 1 to 86400, and each kind of client 0 to 256.")
    }
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let shape = LoadShape(
      rate: rate, keepAliveClients: keepAlive, newConnectionClients: newConnection,
      slowUploadClients: slowUpload)
    var traffic = BeaconTraffic(authority: "127.0.0.1:\(port)")
    traffic.writeEvery = writeEvery
    // Trapped before anybody can know that the load runs.
    let signals = await UnixSignalsSequence(trapping: .sigterm, .sigint)
    let began = LoadClock.now()
    let generator = try LoadGenerator(port: port, shape: shape, traffic: traffic)
    output.object(["port": .integer(Int64(port))])
    await LoadCommand.end(after: seconds, or: signals)
    let tally = generator.stop()
    let milliseconds = (LoadClock.now() - began) / 1_000_000
    let losses = generator.losses()
    output.line(Span("\(tally.total) requests, \(tally.lost) lost, \(tally.retried) retried"))
    for loss in losses { output.line(Span(loss, .bad)) }
    output.object(tally.document(losses: losses, over: milliseconds))
    return tally.lost == 0 ? .done : .failed
  }

  /// Returns after the time, or at a signal.
  private static func end(after seconds: Int?, or signals: UnixSignalsSequence) async {
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        for await _ in signals { return }
      }
      if let seconds {
        // A cancelled sleep means that the signal came first.
        group.addTask { try? await Task.sleep(for: .seconds(seconds)) }
      }
      await group.next()
      group.cancelAll()
    }
  }
}

extension LoadTally {
  /// The tally as JSON; `rate` is what was answered or lost a second, which is less than what was
  /// asked for where machine or service could not keep up.
  ///
  /// - Parameter milliseconds: How long the load went on.
  func document(losses: [String], over milliseconds: Int64) -> JSONValue {
    [
      "total": .integer(Int64(total)), "lost": .integer(Int64(lost)),
      "retried": .integer(Int64(retried)), "milliseconds": .integer(milliseconds),
      "rate": .integer(Int64(total) * 1_000 / max(1, milliseconds)),
      "latency": [
        "p50": .integer(latencies.quantile(0.5) ?? 0),
        "p99": .integer(latencies.quantile(0.99) ?? 0),
      ],
      "servers": .object(
        repliesByServer.sorted { $0.key < $1.key }.map {
          JSONMember($0.key, .integer(Int64($0.value)))
        }),
      "losses": .array(losses.map { .string($0) }),
    ]
  }
}
