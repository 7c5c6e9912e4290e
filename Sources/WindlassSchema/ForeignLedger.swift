package import WindlassCore

/// The ledger of another migration tool, which Windlass reads and never writes.
package struct ForeignLedger: Hashable, Sendable {
  /// The tools whose ledgers are understood.
  package enum Tool: String, Hashable, Sendable, CaseIterable {
    case alembic, dbmate, django, flyway, goose

    /// The table that the tool makes where nobody chose another.
    package var defaultTable: String {
      switch self {
      case .alembic: "alembic_version"
      case .dbmate: "schema_migrations"
      case .django: "django_migrations"
      case .flyway: "flyway_schema_history"
      case .goose: "goose_db_version"
      }
    }

    /// Whether one of its versions is above or below another.
    package var isOrdered: Bool { self != .alembic && self != .django }
  }

  package let tool: Tool
  /// The table, perhaps behind a schema and a point.
  package let table: String

  /// Makes a ledger; nil for a table's name that is none.
  package init?(_ tool: Tool, table: String? = nil) {
    let table = table ?? tool.defaultTable
    let parts = table.split(separator: ".", omittingEmptySubsequences: false)
    guard parts.count <= 2, parts.allSatisfy({ !$0.isEmpty }), !table.contains("\0") else {
      return nil
    }
    self.tool = tool
    self.table = table
  }

  /// Reads the ledger.
  ///
  /// - Throws: `LedgerMalformed` for a table that is not the tool's, and what the session throws.
  package func reading(
    on session: some DatabaseSession, engine: LedgerEngine
  ) async throws(StepFailure) -> ForeignReading {
    let parts = table.split(separator: ".").map(String.init)
    let found = try await session.rows(engine.lookup(parts), limit: 1)
    guard !found.isEmpty else { return ForeignReading() }
    let rows: [SQLRow]
    do throws(StepFailure) {
      rows = try await session.rows(
        SQLStatement(query(from: engine.name(parts))), limit: Self.rowsMax)
    } catch  where error.disposition == .stop {
      throw malformed("it can't be read as such a table: \(error.message)")
    }
    return try reading(of: rows.map(\.values))
  }

  /// The most rows that are read; no service has so many migrations.
  private static let rowsMax = 100_000

  /// Everything that decides, in the order in which it was written.
  private func query(from table: String) -> String {
    switch tool {
    case .alembic: "SELECT version_num FROM \(table) ORDER BY version_num"
    case .dbmate: "SELECT version FROM \(table) ORDER BY version"
    case .django: "SELECT app, name FROM \(table) ORDER BY id"
    case .flyway:
      "SELECT version, type, CASE WHEN success THEN 1 ELSE 0 END FROM \(table)"
        + " ORDER BY installed_rank"
    case .goose:
      "SELECT version_id, CASE WHEN is_applied THEN 1 ELSE 0 END FROM \(table) ORDER BY id"
    }
  }

  /// What the rows say.
  package func reading(of rows: [[SQLValue]]) throws(StepFailure) -> ForeignReading {
    switch tool {
    case .alembic, .dbmate:
      return ForeignReading(
        exists: true, applied: try rows.map { row throws(StepFailure) in try text(row[0]) })
    case .django:
      return ForeignReading(
        exists: true,
        applied: try rows.map { row throws(StepFailure) in
          "\(try text(row[0])).\(try text(row[1]))"
        })
    case .flyway: return try flywayReading(of: rows)
    case .goose:
      var states: [(version: String, isApplied: Bool)] = []
      for row in rows { states.append((try text(row[0]), row[1] == .integer(1))) }
      // The first row, of version 0, says only that the table was made.
      return ForeignReading(exists: true, applied: Self.last(of: states).filter { $0 != "0" })
    }
  }

  private func flywayReading(of rows: [[SQLValue]]) throws(StepFailure) -> ForeignReading {
    var states: [(version: String, isApplied: Bool)] = []
    var failed: Set<String> = []
    for row in rows {
      // Repeatable migrations and the row for a schema that Flyway made have no version.
      let version = row[0] == .null ? nil : try text(row[0])
      let type = try text(row[1])
      let isTakenBack = type == "DELETE" || type.hasPrefix("UNDO")
      if row[2] == .integer(1) {
        if let version {
          states.append((version, !isTakenBack))
          failed.remove(version)
        }
      } else {
        failed.insert(version ?? "a repeatable migration")
      }
    }
    return ForeignReading(
      exists: true, applied: Self.last(of: states), failed: failed.sorted())
  }

  /// The versions whose last state is to be applied, in the order of those states.
  private static func last(of states: [(version: String, isApplied: Bool)]) -> [String] {
    var seen: Set<String> = []
    var applied: [String] = []
    for state in states.reversed() where seen.insert(state.version).inserted {
      if state.isApplied { applied.append(state.version) }
    }
    return applied.reversed()
  }

  private func text(_ value: SQLValue) throws(StepFailure) -> String {
    switch value {
    case .text(let text): return text
    case .integer(let number): return String(number)
    case .blob(let bytes): return String(decoding: bytes, as: UTF8.self)
    case .null, .real: throw malformed("a row has no version")
    }
  }

  private func malformed(_ reason: String) -> StepFailure {
    StepFailure(
      code: "LedgerMalformed", disposition: .stop,
      message: "The table \(table) is not the ledger of \(tool.rawValue): \(reason). Name the right"
        + " tool with --ledger, and the table with --ledger-table where it has another name.")
  }
}

/// The engines, as far as finding and naming a ledger's table differ.
package enum LedgerEngine: Hashable, Sendable {
  case sqlite, postgres, mysql

  /// A query that has a row when the table is there.
  func lookup(_ parts: [String]) -> SQLStatement {
    switch self {
    case .sqlite:
      SQLStatement(
        "SELECT 1 FROM sqlite_schema WHERE type IN ('table', 'view') AND name = ? COLLATE NOCASE",
        [.text(parts[parts.count - 1])])
    case .postgres:
      SQLStatement("SELECT 1 WHERE to_regclass($1) IS NOT NULL", [.text(name(parts))])
    case .mysql:
      SQLStatement(
        "SELECT 1 FROM information_schema.tables WHERE table_name = ? AND table_schema = "
          + (parts.count == 2 ? "?" : "DATABASE()"),
        parts.reversed().map { .text($0) })
    }
  }

  /// The table as a statement names it.
  func name(_ parts: [String]) -> String {
    let mark = self == .mysql ? "`" : "\""
    return parts.map { mark + $0.replacing(mark, with: mark + mark) + mark }.joined(separator: ".")
  }
}

/// What the ledger of another tool says.
package struct ForeignReading: Hashable, Sendable {
  /// Whether the table is there; where it is not, nothing was applied.
  package var exists: Bool
  /// What is applied, in the order of the ledger: versions, or names where these have no order.
  package var applied: [String]
  /// What was begun and failed.
  package var failed: [String]

  package init(exists: Bool = false, applied: [String] = [], failed: [String] = []) {
    self.exists = exists
    self.applied = applied
    self.failed = failed
  }

  /// Whether a migration was begun and neither finished nor undone.
  package var isDirty: Bool { !failed.isEmpty }

  /// The highest version, for a tool whose versions have an order.
  package var highest: String? { applied.max { ForeignVersion.isLower($0, $1) } }
}

/// Versions of other tools: numbers between points, such as `20261122093000` or `1.2.10`.
package enum ForeignVersion {
  /// Whether the first is below the second: by numbers where both parts are numbers, else by text.
  package static func isLower(_ first: String, _ second: String) -> Bool {
    compare(first, second) < 0
  }

  /// Below, at or above zero as the first is below, at or above the second.
  package static func compare(_ first: String, _ second: String) -> Int {
    let (left, right) = (parts(of: first), parts(of: second))
    for index in 0..<max(left.count, right.count) {
      let order = comparePart(
        index < left.count ? left[index] : "0", index < right.count ? right[index] : "0")
      if order != 0 { return order }
    }
    return 0
  }

  private static func parts(of version: String) -> [Substring] {
    version.split(omittingEmptySubsequences: false) { $0 == "." || $0 == "_" }
  }

  private static func comparePart(_ first: Substring, _ second: Substring) -> Int {
    let isNumeric = [first, second].allSatisfy { part in
      !part.isEmpty && part.utf8.allSatisfy { (0x30...0x39).contains($0) }
    }
    guard isNumeric else { return first == second ? 0 : first < second ? -1 : 1 }
    // Longer than any integer type, so compared as digits without the zeros in front.
    let (left, right) = (first.drop { $0 == "0" }, second.drop { $0 == "0" })
    if left.utf8.count != right.utf8.count { return left.utf8.count < right.utf8.count ? -1 : 1 }
    return left == right ? 0 : left < right ? -1 : 1
  }
}
