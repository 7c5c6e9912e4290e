import ArgumentParser
import ReleaseFeeds
import WindlassCore
import WindlassProof
import WindlassSchema

/// What is migrated.
struct RehearsalSubject: ParsableArguments {
  @Option(
    name: .long,
    help: ArgumentHelp("env:NAME, file:PATH, or a URL without a password.", valueName: "database"))
  var database: DatabaseReference

  @Option(
    name: .long,
    help: ArgumentHelp("The migrations, in golang-migrate's layout.", valueName: "directory"))
  var path: String
}

/// Who takes part, and what is asked.
struct RehearsalCast: ParsableArguments {
  @Option(
    name: .long,
    help: ArgumentHelp("Starts the server that runs today.", valueName: "command"))
  var oldCommand: String?

  @Option(
    name: .long, help: ArgumentHelp("Starts the server that is to come.", valueName: "command"))
  var newCommand: String?

  @Option(
    name: .long,
    help: ArgumentHelp("What evidence calls the first one.", valueName: "version"))
  var oldVersion = "0.0.0-old"

  @Option(
    name: .long,
    help: ArgumentHelp("What evidence calls the second one.", valueName: "version"))
  var newVersion = "0.0.0-new"

  @Option(
    name: .long,
    help: ArgumentHelp(
      "The variable by which a server is told its database.", valueName: "name"))
  var databaseVariable: String?

  @Option(name: .long, help: ArgumentHelp("The probes of both servers.", valueName: "file"))
  var probes: String?

  @Option(
    name: .long,
    help: ArgumentHelp("The probes of the new server, where they differ.", valueName: "file"))
  var newProbes: String?

  @Option(
    name: .long,
    help: ArgumentHelp(
      "What the server asks that runs today, as `windlass queries capture` writes it; JSON or SQL.",
      valueName: "file"))
  var queries: String?

  /// How much can be shown.
  var scope: RehearsalScope {
    if oldCommand == nil { return .schema }
    return newCommand == nil ? .deployedRelease : .hop
  }

  func validate() throws {
    guard oldCommand != nil || newCommand == nil else {
      throw ValidationError(
        "--new-command needs --old-command: what the new server writes is shown to the old one.")
    }
    guard oldCommand == nil || (probes != nil && databaseVariable != nil) else {
      throw ValidationError(
        "--old-command needs --probes and --database-variable: a server has to be asked "
          + "something, and has to be told the copy.")
    }
  }

  /// One of the releases, without migrations.
  func release(_ versionText: String, option: String, probes file: String?) throws -> Release {
    guard let version = Version(versionText), let window = SchemaWindow(min: 0, max: 0) else {
      throw CommandFailure(
        .usage, "BadArgument", "\(option) \(versionText) is no version; write one such as 1.2.0.")
    }
    return Release(
      version: version, window: window, probes: try file.map(Self.probes(in:)) ?? [])
  }

  private static func probes(in file: String) throws(CommandFailure) -> [Probe] {
    let reason: String
    do {
      return try ProbeDocument.probes(TextFile.read(file, sizeMax: Bounds.manifestSizeMax))
    } catch let failure as FileFailure {
      reason = failure.reason
    } catch {
      reason = "\(error)"
    }
    throw CommandFailure(
      .usage, "BadArgument",
      "The probes in \(file) can't be used: \(reason). Write a JSON array such as "
        + #"[{"name": "list", "method": "GET", "path": "/items", "expect": {"status": 200}}]."#)
  }

  /// Fails for a file of queries that can't be used, before anything is backed up.
  func checkQueries(for engine: String) throws {
    guard let queries else { return }
    let recorded = try QueriesFile.read(queries)
    guard recorded.engine == engine else {
      throw CommandFailure(
        .usage, "BadArgument",
        "The queries in \(queries) are for \(recorded.engine), and the database is \(engine).")
    }
  }

  /// The bytes of the file.
  static func bytes(of file: String) throws(StepFailure) -> [UInt8] {
    do throws(FileFailure) {
      return try TextFile.read(file, sizeMax: Bounds.queriesSizeMax)
    } catch {
      throw StepFailure(
        code: "FileUnreadable", disposition: .stop,
        message: "The queries in \(file) can't be read: \(error.reason).")
    }
  }

  /// The words of a server's command.
  func words(_ command: String, option: String) throws(CommandFailure) -> [String] {
    guard let words = CommandWords.split(command), words.first?.hasPrefix("/") == true else {
      throw CommandFailure(
        .usage, "BadArgument",
        "\(option) must begin with the absolute path of a program, and close its quotes.")
    }
    return words
  }
}

/// What is allowed, and where things go.
struct RehearsalTerms: ParsableArguments {
  @Option(
    name: .long,
    help: ArgumentHelp(
      "The longest that a migration may hold its lock; 1s without it.", valueName: "duration"),
    transform: Self.duration)
  var holdBudget = Bounds.holdBudgetDefault

  @Option(
    name: .long,
    help: ArgumentHelp("The path that answers when a server is ready.", valueName: "path"))
  var readiness = "/healthz"

  @Option(
    name: .long,
    help: ArgumentHelp("What a server calls its listening socket.", valueName: "name"))
  var listener = "http"

  @Option(
    name: .long,
    help: "network, or none to accept servers that can reach more than their copy.")
  var isolation = IsolationPolicy.network

  @Option(
    name: .long, help: ArgumentHelp("Where the whole report is kept.", valueName: "directory"))
  var report: String?

  /// Reads `100ms`, `10s`, `5m`, `24h` or `7d`.
  private static func duration(_ text: String) throws -> Interval {
    guard let interval = Interval(text) else {
      throw ValidationError("\"\(text)\" is no duration; write one such as 500ms or 2s.")
    }
    return interval
  }
}

extension IsolationPolicy: ExpressibleByArgument {}
