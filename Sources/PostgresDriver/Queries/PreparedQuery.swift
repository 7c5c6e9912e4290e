import CPostgres
package import WindlassCore
package import WindlassSchema

extension PostgresScratch: QueryPreparation {
  package nonisolated var queryEngine: String { "postgres" }

  package func prepare(
    _ queries: RecordedQueries, on copy: ScratchCopy
  ) async throws(StepFailure) -> [QueryOutcome] {
    try PostgresConnection(
      ScratchServer.patient(try database(of: copy.label), "windlass/rehearsal")
    ).prepare(queries)
  }
}

extension CockroachScratch: QueryPreparation {
  package nonisolated var queryEngine: String { "cockroachdb" }

  package func prepare(
    _ queries: RecordedQueries, on copy: ScratchCopy
  ) async throws(StepFailure) -> [QueryOutcome] {
    try PostgresConnection(
      ScratchServer.patient(try database(of: copy.label), "windlass/rehearsal")
    ).prepare(queries)
  }
}

extension PostgresConnection {
  private static let queryName = "windlass_query"

  /// Prepares each query as a server's library does, and has PostgreSQL plan it as well; none is
  /// carried out.
  func prepare(
    _ recorded: RecordedQueries
  ) throws(StepFailure) -> [QueryOutcome] {
    if let path = recorded.settings["search_path"] {
      _ = try scalar("SELECT set_config('search_path', $1, false)", [.text(path)])
    }
    // A plan for the values of the moment would need values.
    if dialect == .postgres, serverVersion >= 120_000 {
      try run(script: "SET plan_cache_mode = force_generic_plan")
    }
    var outcomes: [QueryOutcome] = []
    for query in recorded.queries { outcomes.append(try prepare(query)) }
    return outcomes
  }

  private func prepare(_ query: RecordedQuery) throws(StepFailure) -> QueryOutcome {
    lastError = nil
    do throws(StepFailure) {
      // The protocol prepares one statement and never more.
      try exchange(
        query.sql,
        send: { library.sendPrepare(handle, Self.queryName, query.sql, 0, nil) },
        read: { _ throws(StepFailure) in })
      let columns = try describe(query.sql)
      try run(script: "DEALLOCATE \(Self.queryName)")
      return .prepared(columns: columns)
    } catch {
      // What is wrong with the statement is an answer; what hinders all of them is none.
      guard isAlive, error.disposition == .stop, let said = lastError, let state = said.state,
        !["53", "57", "58"].contains(state.prefix(2))
      else { throw error }
      // It may have been prepared, and refused only by the planner.
      try run(script: "DEALLOCATE ALL")
      return .refused("\(said.message) (SQLSTATE \(state))")
    }
  }

  /// Has the statement described and planned.
  ///
  /// - Returns: the columns of its result, each with its type.
  private func describe(_ text: String) throws(StepFailure) -> [String] {
    var parameters = 0
    var names: [String] = []
    var types: [(type: Oid, modifier: Int32)] = []
    try exchange(
      text, send: { library.describePrepared(handle, Self.queryName) },
      read: { result throws(StepFailure) in
        parameters = result.parameterCount
        names = result.columns
        types = result.columnTypes
      })
    if dialect == .postgres {
      let values = Array(repeating: "NULL", count: parameters).joined(separator: ", ")
      let list = parameters == 0 ? "" : "(\(values))"
      // Only the planner looks for the unique index that ON CONFLICT names.
      try run(script: "EXPLAIN EXECUTE \(Self.queryName)\(list)")
    }
    guard !names.isEmpty else { return [] }
    let selection = types.map { type, modifier in
      "format_type(\(type), \(modifier < 0 ? "NULL" : "\(modifier)"))"
    }
    let row = try rows("SELECT \(selection.joined(separator: ", "))").first?.values ?? []
    return zip(names, row).map { "\($0) \($1.text ?? "?")" }
  }
}
