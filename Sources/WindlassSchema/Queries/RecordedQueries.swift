package import WindlassCore

/// One statement that a server asks, with the engine's own placeholders in place of its values.
package struct RecordedQuery: Hashable, Sendable {
  /// What evidence calls it.
  package var name: String
  /// One statement.
  package var sql: String
  /// How often it was asked; what queries weigh against each other.
  package var calls: Int64

  package init(name: String, sql: String, calls: Int64 = 1) {
    self.name = name
    self.sql = sql
    self.calls = calls
  }
}

/// The statements that a server is known to ask of one engine.
package struct RecordedQueries: Hashable, Sendable {
  /// The engine as a manifest names it, such as `postgres`.
  package var engine: String
  /// What of the session decides how the statements are read: `search_path` on PostgreSQL,
  /// `sql_mode` on MySQL and MariaDB.
  package var settings: [String: String]
  package var queries: [RecordedQuery]

  package init(engine: String, settings: [String: String] = [:], queries: [RecordedQuery]) {
    self.engine = engine
    self.settings = settings
    self.queries = queries
  }

  /// All calls together.
  package var calls: Int64 { queries.reduce(0) { $0.addingCapped($1.calls) } }

  /// The settings that an engine's files may name.
  package static func settingNames(of engine: String) -> [String] {
    switch engine {
    case "postgres", "cockroachdb": ["search_path"]
    case "mysql": ["sql_mode"]
    default: []
    }
  }

  /// These with the others of an earlier record; of a query in both, the greater number of calls.
  package func merged(with earlier: RecordedQueries) -> RecordedQueries {
    var merged = self
    var places: [String: Int] = [:]
    for (index, query) in queries.enumerated() { places[query.sql] = index }
    for query in earlier.queries {
      if let place = places[query.sql] {
        merged.queries[place].name = query.name
        merged.queries[place].calls = max(query.calls, merged.queries[place].calls)
      } else {
        merged.queries.append(query)
      }
    }
    return merged
  }
}

extension Int64 {
  /// The sum, or the largest number where it would be larger.
  package func addingCapped(_ other: Int64) -> Int64 {
    let (sum, isTooMuch) = addingReportingOverflow(other)
    return isTooMuch ? .max : sum
  }
}

/// What came of preparing one query.
package enum QueryOutcome: Hashable, Codable, Sendable {
  /// The engine reads it; the columns of its result with their types, where the engine tells them.
  case prepared(columns: [String]?)
  /// The engine refuses it, with its words.
  case refused(String)
}

/// Prepares queries on a copy, as a server does before it asks them; none is carried out.
package protocol QueryPreparation: Sendable {
  /// The engine whose queries can be prepared, as a manifest names it.
  nonisolated var queryEngine: String { get }

  /// Prepares each of them anew, in a session with their settings.
  ///
  /// - Returns: one outcome for each query, in their order.
  /// - Throws: `StepFailure` for what hinders all of them, such as a server that is not reached.
  func prepare(
    _ queries: RecordedQueries, on copy: ScratchCopy
  ) async throws(StepFailure) -> [QueryOutcome]
}

/// Asks a database's server what was asked of it.
package protocol QueryRecorder: Sendable {
  /// Records the statements of a database since its server began to count.
  ///
  /// - Parameter user: whose; nil for everybody's.
  /// - Throws: `QueriesNotCounted` for a server that does not count, saying how it would.
  func record(of user: String?) async throws(StepFailure) -> QueryRecord
}

/// What a server told of the statements that it was asked.
package struct QueryRecord: Hashable, Sendable {
  package var recorded: RecordedQueries
  /// Why statements were left out, with how many calls they had.
  package var leftOut: [String: Int64]
  /// What a person has to know of how complete it is, a sentence each.
  package var remarks: [String]

  package init(
    recorded: RecordedQueries, leftOut: [String: Int64] = [:], remarks: [String] = []
  ) {
    self.recorded = recorded
    self.leftOut = leftOut
    self.remarks = remarks
  }
}
