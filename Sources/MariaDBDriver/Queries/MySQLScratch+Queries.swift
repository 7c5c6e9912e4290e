package import WindlassCore
package import WindlassSchema

extension MySQLScratch: QueryPreparation {
  package nonisolated var queryEngine: String { "mysql" }

  package func prepare(
    _ queries: RecordedQueries, on copy: ScratchCopy
  ) async throws(StepFailure) -> [QueryOutcome] {
    let name = try scratch.name(of: copy.label, on: options.connect("scratch"))
    return try scratch.options(of: name).connect("scratch").prepare(queries)
  }
}

extension MySQLConnection {
  /// Prepares each query; none is carried out.
  func prepare(
    _ recorded: RecordedQueries
  ) throws(StepFailure) -> [QueryOutcome] {
    // Under another mode a name in double quotes is a text, which is always there.
    if let mode = recorded.settings["sql_mode"] {
      try run(SQLStatement("SET SESSION sql_mode = ?", [.text(mode)]))
    }
    var outcomes: [QueryOutcome] = []
    for query in recorded.queries {
      try run(SQLStatement("SET @windlass_query = ?", [.text(query.sql)]))
      do throws(StepFailure) {
        try run("PREPARE windlass_query FROM @windlass_query")
      } catch {
        // What is wrong with the statement is an answer; what hinders all of them is none.
        guard !isLost, error.disposition == .stop, error.code != "DiskFull" else { throw error }
        outcomes.append(.refused("\(errorText) [\(errorNumber)]"))
        continue
      }
      try run("DEALLOCATE PREPARE windlass_query")
      outcomes.append(.prepared(columns: nil))
    }
    return outcomes
  }
}
