import WindlassCore
import WindlassSchema

/// A session that holds a lock which a migration would have to wait for.
struct Blocker: Hashable {
  var process: Int64
  /// How long its transaction has been open, in whole seconds; nil where the user may not see it.
  var seconds: Int64?
  var application: String
  var table: String

  /// The session for a person: never what it asks, which may hold secrets.
  var sentence: String {
    let name = application.isEmpty ? "" : ", \(application)"
    let age = seconds.map { ", open for \($0) s" } ?? ""
    return "process \(process)\(name)\(age), on \(table)"
  }
}

/// How strong a lock a statement needs on tables that exist.
enum NeededLock: Int, Comparable {
  /// Writes rows beside other writers.
  case rows
  /// Keeps writers out, and lets readers in.
  case share
  /// Keeps everybody out.
  case exclusive

  static func < (left: NeededLock, right: NeededLock) -> Bool { left.rawValue < right.rawValue }

  /// The strongest that a statement may need.
  init(_ statement: PostgresStatement) {
    switch statement.tokens[0].text.uppercased() {
    case "ALTER", "DROP", "TRUNCATE", "LOCK", "CLUSTER", "REINDEX", "REFRESH", "DO", "CALL":
      self = .exclusive
    case "CREATE": self = .share
    default: self = .rows
    }
  }

  /// The modes, held by others, that stand in its way.
  var conflicting: [String] {
    let strong = [
      "ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock",
    ]
    return switch self {
    case .rows: strong
    case .share: strong + ["RowExclusiveLock", "ShareUpdateExclusiveLock"]
    case .exclusive:
      strong + [
        "AccessShareLock", "RowShareLock", "RowExclusiveLock", "ShareUpdateExclusiveLock",
      ]
    }
  }
}

/// The question who holds a lock that statements would wait for.
struct BlockerQuestion {
  /// One for each strength of lock that the statements need on tables that they name.
  let statements: [SQLStatement]

  /// - Parameter age: a younger transaction does not count, since it just passes by.
  init(_ statements: [PostgresStatement], olderThan age: Interval) {
    var needs: [String: NeededLock] = [:]
    for statement in statements {
      let need = NeededLock(statement)
      for name in statement.relationNames { needs[name] = max(needs[name] ?? .rows, need) }
    }
    self.statements = [NeededLock.rows, .share, .exclusive].compactMap { need in
      let names = needs.filter { $0.value == need }.keys.sorted()
      guard !names.isEmpty else { return nil }
      return Self.statement(on: names, holding: need.conflicting, olderThan: age)
    }
  }

  private static func statement(
    on names: [String], holding modes: [String], olderThan age: Interval
  ) -> SQLStatement {
    SQLStatement(
      """
      SELECT DISTINCT ON (l.pid) l.pid, a.application_name, c.relname::text,
        floor(extract(epoch FROM clock_timestamp() - a.xact_start))::bigint
      FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
      JOIN pg_stat_activity a ON a.pid = l.pid
      WHERE l.granted AND l.pid <> pg_backend_pid()
        AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
        AND c.relname = ANY ($1::text[]) AND l.mode = ANY ($2::text[])
        AND a.xact_start < clock_timestamp() - $3::bigint * interval '1 millisecond'
      ORDER BY l.pid
      """,
      [.text(names.arrayText), .text(modes.arrayText), .integer(age.milliseconds)])
  }

  /// What the rows say that answer the statements.
  static func blockers(_ answers: some Sequence<[SQLRow]>) -> [Blocker] {
    let blockers = answers.joined().map { row in
      Blocker(
        process: row.values[0].integer ?? 0, seconds: row.values[3].integer,
        application: row.values[1].text ?? "", table: row.values[2].text ?? "")
    }
    return Array(blockers.prefix(Bounds.blockersNamedMax))
  }
}

extension PostgresConnection {
  /// Who holds a lock that the statements would wait for, in a transaction of that age at least, so
  /// that it does not just pass by.
  func blockers(
    of statements: [PostgresStatement], olderThan age: Interval
  ) throws(StepFailure) -> [Blocker] {
    let question = BlockerQuestion(statements, olderThan: age)
    var answers: [[SQLRow]] = []
    for statement in question.statements {
      answers.append(try rows(statement.text, statement.parameters))
    }
    return BlockerQuestion.blockers(answers)
  }
}

extension [String] {
  /// The texts as the server's text of an array.
  fileprivate var arrayText: String {
    let elements = map { element in
      let escaped = element.reduce(into: "") { text, character in
        if character == "\"" || character == "\\" { text.append("\\") }
        text.append(character)
      }
      return "\"\(escaped)\""
    }
    return "{\(elements.joined(separator: ","))}"
  }
}

extension [Blocker] {
  /// The failure of a migration that does not queue behind them.
  func failure(place: String) -> StepFailure {
    StepFailure(
      code: "DatabaseLocked", disposition: .retry,
      message: "On \(place) a lock is held by \(map(\.sentence).joined(separator: "; "))."
        + " End that transaction, then try again.")
  }
}
