package import WindlassCore
package import WindlassSchema
import WindlassWire

/// Recorded queries as a file: one JSON object, with a query on each line of its list; or SQL with
/// comments between its statements.
package enum QueriesDocument {
  private static let apiVersion = "windlass.dev/v1"
  private static let kind = "RecordedQueries"

  /// Reads a file in either form; what a JSON object has besides is ignored.
  package static func read(_ bytes: [UInt8]) throws(QueriesDocumentError) -> RecordedQueries {
    guard bytes.count <= Bounds.queriesSizeMax else {
      throw QueriesDocumentError("it has more than \(Bounds.queriesSizeMax) bytes")
    }
    let first = bytes.first { ![0x09, 0x0A, 0x0D, 0x20].contains($0) }
    if let first, first == UInt8(ascii: "{") || first == UInt8(ascii: "[") {
      return try readObject(bytes)
    }
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw QueriesDocumentError("it is no text in UTF-8")
    }
    return try QueriesScript.read(text)
  }

  private static func readObject(
    _ bytes: [UInt8]
  ) throws(QueriesDocumentError) -> RecordedQueries {
    let document: JSONValue
    do {
      let limits = JSONLimits(
        sizeMax: Bounds.queriesSizeMax, elementsMax: max(Bounds.queriesMax, 64))
      document = try JSONValue.parse(bytes, limits: limits)
    } catch {
      throw QueriesDocumentError("it is no JSON that can be read (\(error))")
    }
    guard document["apiVersion"]?.string == apiVersion, document["kind"]?.string == kind else {
      throw QueriesDocumentError(
        "it does not begin with \"apiVersion\": \"\(apiVersion)\" and \"kind\": \"\(kind)\"")
    }
    guard let engine = document["engine"]?.string, !engine.isEmpty else {
      throw QueriesDocumentError("`engine` is missing; write such as \"postgres\"")
    }
    guard let entries = document["queries"]?.array, !entries.isEmpty else {
      throw QueriesDocumentError("`queries` has none")
    }
    var queries: [RecordedQuery] = []
    for (index, entry) in entries.enumerated() { queries.append(try query(entry, index)) }
    return RecordedQueries(
      engine: engine, settings: try settings(document["settings"], of: engine), queries: queries)
  }

  private static func settings(
    _ value: JSONValue?, of engine: String
  ) throws(QueriesDocumentError) -> [String: String] {
    guard let value, !value.isNull else { return [:] }
    guard let members = value.object else {
      throw QueriesDocumentError("`settings` is no object")
    }
    let names = RecordedQueries.settingNames(of: engine)
    var settings: [String: String] = [:]
    for member in members {
      guard names.contains(member.name), let text = member.value.string else {
        throw QueriesDocumentError(
          "`settings.\(member.name)` is none that \(engine) has here, or no text"
            + (names.isEmpty ? "" : "; allowed: \(names.joined(separator: ", "))"))
      }
      settings[member.name] = text
    }
    return settings
  }

  private static func query(
    _ entry: JSONValue, _ index: Int
  ) throws(QueriesDocumentError) -> RecordedQuery {
    guard let sql = entry["sql"]?.string, sql.contains(where: { !$0.isWhitespace }),
      sql.utf8.count <= Bounds.querySizeMax, !sql.utf8.contains(0)
    else {
      throw QueriesDocumentError(
        "`queries[\(index)].sql` is no statement of at most \(Bounds.querySizeMax) bytes")
    }
    let calls = entry["calls"].map { $0.integer ?? 0 } ?? 1
    guard calls > 0 else {
      throw QueriesDocumentError("`queries[\(index)].calls` is no number above 0")
    }
    let name = entry["name"].map { $0.string ?? "" } ?? "number \(index + 1)"
    guard !name.isEmpty, name.utf8.count <= Bounds.nameLengthMax else {
      throw QueriesDocumentError(
        "`queries[\(index)].name` is no text of 1 to \(Bounds.nameLengthMax) bytes")
    }
    return RecordedQuery(name: name, sql: sql, calls: calls)
  }

  /// The file for these queries, as SQL.
  ///
  /// - Throws: for queries that would not be read back as they are, such as two statements in one.
  package static func script(
    of recorded: RecordedQueries
  ) throws(QueriesDocumentError) -> String {
    let text = QueriesScript.text(of: recorded)
    let read = try QueriesScript.read(text)
    if let place = zip(recorded.queries, read.queries).first(where: { $0 != $1 }) {
      throw QueriesDocumentError("the query \"\(place.0.name)\" would be read back as another one")
    }
    guard read == recorded else {
      throw QueriesDocumentError("its queries would be read back as others")
    }
    return text
  }

  /// The file for these queries, as JSON.
  package static func text(of recorded: RecordedQueries) -> String {
    let settings = recorded.settings.sorted { $0.key < $1.key }.map {
      JSONMember($0.key, .string($0.value))
    }
    var lines = ["{"]
    for (name, value) in [
      ("apiVersion", JSONValue.string(apiVersion)), ("kind", .string(kind)),
      ("engine", .string(recorded.engine)), ("settings", .object(settings)),
    ] {
      lines.append("  \"\(name)\": \(line(value)),")
    }
    lines.append("  \"queries\": [")
    for (index, query) in recorded.queries.enumerated() {
      let value: JSONValue = [
        "name": .string(query.name), "calls": .integer(query.calls), "sql": .string(query.sql),
      ]
      lines.append("    \(line(value))" + (index + 1 < recorded.queries.count ? "," : ""))
    }
    return (lines + ["  ]", "}", ""]).joined(separator: "\n")
  }

  private static func line(_ value: JSONValue) -> String {
    String(decoding: value.bytes, as: UTF8.self)
  }
}

/// Why a file of recorded queries can't be used.
package struct QueriesDocumentError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The end of a sentence that begins with the file.
  package var description: String

  init(_ description: String) { self.description = description }
}

/// Gives the bytes of a file of queries, compared with its digest.
package typealias QuerySource =
  @Sendable (QueriesReference) async throws(StepFailure) -> [UInt8]
