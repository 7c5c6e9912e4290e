import ArgumentParser
import Glibc
import WindlassCore
import WindlassProof
import WindlassSchema
import WindlassWire

/// `windlass queries capture`: records what the server of a database was asked.
struct QueriesCaptureCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "capture",
    abstract: "Records the statements that a database's server was asked, without their values.",
    discussion: """
      Reads the server's own statistics: pg_stat_statements on PostgreSQL, the performance schema on \
      MySQL and MariaDB. Nothing is changed. Values never get into the file: they are parameters \
      there, and comments are dropped. What can't be prepared as the server keeps it is found, and \
      told, by the rehearsal.

      The statistics begin with the server's start, so capture after the service has done everything \
      that it does. With --merge the file keeps what an earlier capture found.

      SQLite has no server that could be asked. Write the file by hand, or from what the service's \
      own tests ask; docs/rehearsal.md shows what it holds.

      Example: windlass queries capture --database env:BEACON_DB --output queries.json
      Example: windlass queries capture --database env:BEACON_DB --user beacon --merge \
      --output queries.sql
      """)

  @OptionGroup var databaseOptions: DatabaseOptions

  @Option(
    name: .long,
    help: ArgumentHelp(
      "The file to write, as SQL where its name ends in .sql; standard output without it.",
      valueName: "file"))
  var output: String?

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Whose statements; everybody's without it. MySQL and MariaDB count them together.",
      valueName: "name"))
  var user: String?

  @Flag(name: .long, help: "Keep what the file holds already.")
  var merge = false

  @OptionGroup var outputOptions: OutputOptions

  func validate() throws {
    guard !merge || output != nil else {
      throw ValidationError("--merge needs --output: it adds to that file.")
    }
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let target = try databaseOptions.target()
    let recorder = try target.queryRecorder()
    let record = try await recorder.record(of: user)
    let recorded = try merged(record.recorded)
    guard !recorded.queries.isEmpty else {
      throw CommandFailure(
        .failed, "NoQueries",
        "The server of \(target.place) was asked nothing that could be recorded"
          + (record.leftOut.isEmpty ? "" : " (\(Self.leftOut(record)))")
          + ". Let the service work for a while, then capture again.")
    }
    let text = try text(of: recorded)
    if let file = self.output {
      try ManifestFiles.replace(file, with: Array(text.utf8))
    } else if !output.isJSON {
      output.line(Span(String(text.dropLast())))
    }
    tell(record, recorded, output)
    return .done
  }

  /// The file in the form that its name asks for.
  private func text(of recorded: RecordedQueries) throws(CommandFailure) -> String {
    guard let file = output, file.hasSuffix(".sql") else {
      return QueriesDocument.text(of: recorded)
    }
    do throws(QueriesDocumentError) {
      return try QueriesDocument.script(of: recorded)
    } catch {
      throw CommandFailure(
        .failed, "QueriesUnwritable",
        "What was recorded can't be written as SQL to \(file): \(error). Name a file that ends in"
          + " .json.")
    }
  }

  private func merged(_ recorded: RecordedQueries) throws(CommandFailure) -> RecordedQueries {
    guard merge, let file = output, access(file, F_OK) == 0 else { return recorded }
    let earlier = try QueriesFile.read(file)
    guard earlier.engine == recorded.engine else {
      throw CommandFailure(
        .usage, "BadArgument",
        "\(file) holds queries for \(earlier.engine), and the database is \(recorded.engine). Name"
          + " another file.")
    }
    return recorded.merged(with: earlier)
  }

  private func tell(_ record: QueryRecord, _ recorded: RecordedQueries, _ output: Output) {
    output.object([
      "engine": .string(recorded.engine), "queries": .integer(Int64(recorded.queries.count)),
      "calls": .integer(recorded.calls), "file": self.output.map { .string($0) } ?? .null,
      "leftOut": .object(
        record.leftOut.sorted { $0.key < $1.key }.map { JSONMember($0.key, .integer($0.value)) }),
      "remarks": .array(record.remarks.map { .string($0) }),
      "document": self.output == nil
        ? .string(QueriesDocument.text(of: recorded)) : .null,
    ])
    let count = recorded.queries.count
    output.progress(
      .good("recorded "), "\(count) quer\(count == 1 ? "y" : "ies") of \(recorded.calls) calls")
    if !record.leftOut.isEmpty { output.progress("left out ", Span(Self.leftOut(record))) }
    for remark in record.remarks { output.progress(Span(remark)) }
  }

  private static func leftOut(_ record: QueryRecord) -> String {
    record.leftOut.sorted { $0.key < $1.key }.map { "\($0.value) call(s): \($0.key)" }
      .joined(separator: "; ")
  }
}
