import ArgumentParser
import MariaDBDriver
import PostgresDriver
import SQLiteDriver
import WindlassCore
import WindlassSchema

/// Whose ledger a database has.
enum LedgerName: String, CaseIterable, ExpressibleByArgument {
  case golangMigrate = "golang-migrate"
  case alembic, dbmate, django, flyway, goose, command

  /// The tool whose tables are read; nil for Windlass's own and for a command.
  var tool: ForeignLedger.Tool? { ForeignLedger.Tool(rawValue: rawValue) }
}

/// Which ledger a command reads.
struct LedgerOptions: ParsableArguments {
  @Option(
    name: .long,
    help: ArgumentHelp(
      """
      Whose ledger it is; all but golang-migrate's are only read \
      (\(LedgerName.allCases.map(\.rawValue).joined(separator: ", "))).
      """, valueName: "tool"))
  var ledger = LedgerName.golangMigrate

  @Option(
    name: .long,
    help: ArgumentHelp(
      "With --ledger command: what writes the version as its first line.", valueName: "command"))
  var ledgerCommand: String?

  @Option(
    name: .long,
    help: ArgumentHelp(
      "The variable by which that command is told the database's URL.", valueName: "name"))
  var databaseVariable: String?

  func validate() throws {
    guard (ledger == .command) == (ledgerCommand != nil) else {
      throw ValidationError("--ledger command and --ledger-command go together: give both.")
    }
    guard databaseVariable == nil || ledger == .command else {
      throw ValidationError("--database-variable is for the command of --ledger command.")
    }
    guard databaseVariable.map(TextRules.isVariable) ?? true else {
      throw ValidationError("--database-variable must be \(TextRules.variableWanted).")
    }
  }

  /// What reads the ledger; nil for golang-migrate's, which the drivers read themselves.
  ///
  /// - Throws: for a table that can't be one, or a command that can't be run.
  func reader(_ options: DatabaseOptions) throws -> ForeignLedgerReader? {
    if ledger == .golangMigrate { return nil }
    let url = try options.database.resolve()
    if let ledgerCommand {
      guard let words = CommandWords.split(ledgerCommand), words.first?.hasPrefix("/") == true
      else {
        throw CommandFailure(
          .usage, "BadArgument",
          "--ledger-command must begin with the absolute path of a program, and close its quotes.")
      }
      return .command(words, variable: databaseVariable, url: url)
    }
    guard let tool = ledger.tool, let table = ForeignLedger(tool, table: options.ledgerTable) else {
      throw CommandFailure(
        .usage, "BadArgument",
        "\"\(options.ledgerTable ?? "")\" can't be a ledger's table: write TABLE or SCHEMA.TABLE.")
    }
    return .table(table, try DatabaseTarget(url, ledgerTable: nil))
  }
}

/// What reads the ledger of another tool.
enum ForeignLedgerReader {
  case table(ForeignLedger, DatabaseTarget)
  /// A program, the variable that tells it the database, and the database's URL.
  case command([String], variable: String?, url: Secret)

  /// Whether one version is above or below another.
  var isOrdered: Bool {
    switch self {
    case .table(let ledger, _): ledger.tool.isOrdered
    case .command: true
    }
  }

  /// Reads the ledger, in a session of its own.
  func reading() async throws -> ForeignReading {
    switch self {
    case .command(let words, let variable, let url):
      let text = try await LedgerProgram(words, variable: variable, url: url).version()
      return ForeignReading(exists: true, applied: text.map { [$0] } ?? [])
    case .table(let ledger, .sqlite(let options)):
      let session = SQLiteSession(SQLiteOptions(path: options.path, access: .readOnly))
      return try await ledger.reading(on: session, engine: .sqlite)
    case .table(let ledger, .postgres(let options)):
      let session = PostgresSession(PostgresOptions(url: options.url))
      return try await ledger.reading(on: session, engine: .postgres)
    case .table(let ledger, .mysql(let options)):
      return try await ledger.reading(on: MySQLSession(options), engine: .mysql)
    }
  }
}
