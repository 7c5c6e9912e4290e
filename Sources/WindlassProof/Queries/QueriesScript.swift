import WindlassCore
import WindlassSchema
import WindlassWire

/// Recorded queries as SQL: a first line that names the engine, lines with settings, and in front
/// of each statement a line with its name and its calls.
enum QueriesScript {
  static let opening = "-- windlass: queries"
  private static let mark = "-- windlass:"

  /// Reads a file.
  static func read(_ text: String) throws(QueriesDocumentError) -> RecordedQueries {
    var reader = QueriesScriptReader()
    for (index, line) in text.utf8.split(separator: 0x0A, omittingEmptySubsequences: false)
      .enumerated()
    {
      try reader.take(String(Substring(line)), index + 1)
    }
    return try reader.finished()
  }

  /// The file for these queries.
  static func text(of recorded: RecordedQueries) -> String {
    var text = "\(opening) engine=\(recorded.engine)\n"
    for setting in recorded.settings.sorted(by: { $0.key < $1.key }) {
      text += "\(mark) setting \(setting.key)=\(quoted(setting.value))\n"
    }
    for query in recorded.queries {
      text += "\n\(mark) query name=\(quoted(query.name)) calls=\(query.calls)\n\(query.sql);\n"
    }
    return text
  }

  private static func quoted(_ text: String) -> String {
    String(decoding: JSONValue.string(text).bytes, as: UTF8.self)
  }

  /// What stands behind `-- windlass:` on a line, from its first column on; nil on any other line.
  fileprivate static func words(of line: String) -> Substring? {
    guard line.hasPrefix(mark) else { return nil }
    return line.dropFirst(mark.count).drop { $0.isWhitespace }
  }
}

/// The reading of one file, line by line.
private struct QueriesScriptReader {
  /// A line `-- windlass: query …` with the text that follows it.
  private struct Entry {
    var line: Int
    var name: String?
    var calls: String?
    var body = ""
  }

  private var engine: String?
  private var settings: [String: String] = [:]
  private var queries: [RecordedQuery] = []
  private var entry: Entry?

  mutating func take(_ line: String, _ number: Int) throws(QueriesDocumentError) {
    if let words = QueriesScript.words(of: line) {
      let kind = words.prefix { !$0.isWhitespace }
      let fields = try QueriesScriptFields(words.dropFirst(kind.count), line: number)
      try open(kind, fields, number)
    } else if entry != nil {
      entry?.body += line + "\n"
    } else if !line.hasPrefix("--"), line.contains(where: { !$0.isWhitespace }) {
      throw engine == nil
        ? QueriesDocumentError(
          "it is neither JSON nor SQL that begins with `\(QueriesScript.opening) engine=…`")
        : wrong(number, "a statement stands before the first `-- windlass: query`")
    }
  }

  private mutating func open(
    _ kind: Substring, _ fields: QueriesScriptFields, _ number: Int
  ) throws(QueriesDocumentError) {
    switch kind {
    case "queries" where engine == nil:
      try fields.allow("engine")
      guard let name = fields["engine"], !name.isEmpty else {
        throw wrong(number, "`engine` is missing; write such as `engine=postgres`")
      }
      engine = name
    case "setting" where engine != nil && entry == nil:
      try read(fields, number)
    case "query" where engine != nil:
      try close()
      try fields.allow("name", "calls")
      entry = Entry(line: number, name: fields["name"], calls: fields["calls"])
    default:
      throw wrong(
        number,
        "`\(kind)` is not understood there; the first such line is `\(QueriesScript.opening)"
          + " engine=…`, then come `setting` and `query`")
    }
  }

  private mutating func read(
    _ fields: QueriesScriptFields, _ number: Int
  ) throws(QueriesDocumentError) {
    let names = RecordedQueries.settingNames(of: engine ?? "")
    for (name, value) in fields.values {
      guard names.contains(name), settings[name] == nil else {
        throw wrong(
          number,
          "the setting `\(name)` is none that \(engine ?? "") has here, or is written twice"
            + (names.isEmpty ? "" : "; allowed: \(names.joined(separator: ", "))"))
      }
      settings[name] = value
    }
  }

  /// Takes the statement of the entry that ends here.
  private mutating func close() throws(QueriesDocumentError) {
    guard let entry, let engine else { return }
    self.entry = nil
    let found: [String]?
    do throws(SQLTokenError) {
      found = try EngineStatements.split(entry.body, engine: engine)
    } catch {
      throw wrong(entry.line + error.line, error.reason)
    }
    guard let statements = found else {
      throw QueriesDocumentError(
        "the engine \(engine) is none that Windlass knows, so that its statements can't be told"
          + " apart")
    }
    guard statements.count == 1, let sql = statements.first else {
      throw wrong(
        entry.line,
        statements.isEmpty
          ? "no statement follows this line"
          : "\(statements.count) statements follow this line, and one belongs to it; write a line"
            + " `-- windlass: query` in front of each")
    }
    let calls = entry.calls.map { Int64($0) ?? 0 } ?? 1
    guard calls > 0 else { throw wrong(entry.line, "calls is no number above 0") }
    let name = entry.name ?? "number \(queries.count + 1)"
    guard !name.isEmpty, name.utf8.count <= Bounds.nameLengthMax else {
      throw wrong(entry.line, "name is no text of 1 to \(Bounds.nameLengthMax) bytes")
    }
    guard sql.utf8.count <= Bounds.querySizeMax, !sql.utf8.contains(0) else {
      throw wrong(entry.line, "the statement has more than \(Bounds.querySizeMax) bytes")
    }
    guard queries.count < Bounds.queriesMax else {
      throw wrong(entry.line, "there are more than \(Bounds.queriesMax) queries")
    }
    queries.append(RecordedQuery(name: name, sql: sql, calls: calls))
  }

  mutating func finished() throws(QueriesDocumentError) -> RecordedQueries {
    try close()
    guard let engine else {
      throw QueriesDocumentError(
        "it is neither JSON nor SQL that begins with `\(QueriesScript.opening) engine=…`")
    }
    guard !queries.isEmpty else {
      throw QueriesDocumentError("no line `-- windlass: query` is in it")
    }
    return RecordedQueries(engine: engine, settings: settings, queries: queries)
  }

  private func wrong(_ line: Int, _ reason: String) -> QueriesDocumentError {
    QueriesDocumentError("line \(line): \(reason)")
  }
}

/// The fields of a line, such as `name="flag by key" calls=7`.
private struct QueriesScriptFields {
  /// In the order in which they are written.
  private(set) var values: [(name: String, value: String)] = []
  private let line: Int

  init(_ text: Substring, line: Int) throws(QueriesDocumentError) {
    self.line = line
    var rest = text.drop { $0.isWhitespace }
    while !rest.isEmpty {
      guard let equals = rest.firstIndex(of: "=") else { throw unreadable(rest) }
      let name = rest[..<equals]
      guard !name.isEmpty, !name.contains(where: { $0.isWhitespace || $0 == "\"" }) else {
        throw unreadable(rest)
      }
      rest = rest[rest.index(after: equals)...]
      let value = try Self.value(&rest, line)
      guard self[String(name)] == nil else {
        throw QueriesDocumentError("line \(line): `\(name)` is written twice")
      }
      values.append((String(name), value))
      rest = rest.drop { $0.isWhitespace }
    }
  }

  subscript(_ name: String) -> String? { values.first { $0.name == name }?.value }

  /// Fails for a field of another name.
  func allow(_ names: String...) throws(QueriesDocumentError) {
    guard let other = values.first(where: { !names.contains($0.name) }) else { return }
    throw QueriesDocumentError(
      "line \(line): `\(other.name)` is not understood; allowed: \(names.joined(separator: ", "))")
  }

  /// Reads a word, or a text in quotes as JSON has it.
  private static func value(
    _ rest: inout Substring, _ line: Int
  ) throws(QueriesDocumentError) -> String {
    guard rest.first == "\"" else {
      let word = rest.prefix { !$0.isWhitespace }
      rest = rest.dropFirst(word.count)
      return String(word)
    }
    var end = rest.index(after: rest.startIndex)
    while end < rest.endIndex, rest[end] != "\"" {
      if rest[end] == "\\" { end = rest.index(after: end) }
      if end < rest.endIndex { end = rest.index(after: end) }
    }
    guard end < rest.endIndex else {
      throw QueriesDocumentError("line \(line): a quote is not closed")
    }
    let literal = rest[...end]
    rest = rest[rest.index(after: end)...]
    // A text by itself is no document everywhere.
    guard let text = try? JSONValue.parse(Array("[\(literal)]".utf8)).array?.first?.string else {
      throw QueriesDocumentError("line \(line): \(literal) is no text in quotes as JSON has it")
    }
    return text
  }

  private func unreadable(_ rest: Substring) -> QueriesDocumentError {
    QueriesDocumentError("line \(line): `\(rest)` can't be read; write name=\"…\" calls=1")
  }
}
