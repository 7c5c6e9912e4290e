import CPostgres
import WindlassCore
import WindlassSchema

extension PostgresConnection {
  /// Sends statements together, and waits once for all their results. The server keeps each one's
  /// plan for the next time.
  ///
  /// The server skips what follows one that failed. None of them may be `COMMIT`, whose lost reply
  /// must not be taken for that of another.
  ///
  /// - Returns: each one's rows, of which there must be few.
  func pipeline(_ statements: [SQLStatement]) throws(StepFailure) -> [[SQLRow]] {
    var made: [String: String] = [:]
    guard library.enterPipeline(handle) == 1 else { throw lost() }
    var answers: [PipelineAnswer] = []
    for statement in statements {
      let known = prepared[statement.text] ?? made[statement.text]
      let name = known ?? nextName()
      if known == nil {
        made[statement.text] = name
        guard library.sendPrepare(handle, name, statement.text, 0, nil) == 1 else { throw lost() }
        answers.append(PipelineAnswer(text: statement.text))
      }
      let values = CTexts(statement.parameters.map(\.wireText))
      let sent = withExtendedLifetime(values) {
        library.sendPrepared(
          handle, name, Int32(statement.parameters.count), values.pointer, nil, nil, 0)
      }
      guard sent == 1 else { throw lost() }
      answers.append(PipelineAnswer(text: statement.text, rows: []))
    }
    guard library.pipelineSync(handle) == 1 else { throw lost() }
    let failure = try collect(&answers)
    guard library.exitPipeline(handle) == 1 else { throw lost() }
    if let failure { throw isAlive ? failure : lost(failure) }
    prepared.merge(made) { old, _ in old }
    return answers.compactMap(\.rows)
  }

  /// A name that no statement has, also none of which it is not known whether the server kept it.
  private func nextName() -> String {
    preparedCount += 1
    return "windlass_\(preparedCount)"
  }

  /// Reads every answer up to the mark at the end; returns the first error.
  private func collect(_ answers: inout [PipelineAnswer]) throws(StepFailure) -> StepFailure? {
    var limit = StatementLimit(deadline: deadline, patience: patience)
    var failure: StepFailure?
    try flush(&limit)
    for index in answers.indices {
      // A null pointer ends each statement's results.
      while let result = try nextResult(&limit) {
        switch result.status {
        case PGRES_FATAL_ERROR, PGRES_BAD_RESPONSE, PGRES_NONFATAL_ERROR:
          if failure == nil {
            failure = result.error(in: answers[index].text).failure(place: place, whom: whom)
          }
        case PGRES_TUPLES_OK: answers[index].add(result)
        default: break
        }
      }
      guard isAlive else { return failure ?? lost() }
    }
    while let result = try nextResult(&limit) {
      if result.status == PGRES_PIPELINE_SYNC { break }
    }
    return failure
  }
}

/// What the server says to one message of a pipeline.
private struct PipelineAnswer {
  /// The statement, for the line of an error.
  var text: String
  /// Nil for the one that only prepares.
  var rows: [SQLRow]?

  mutating func add(_ result: borrowing PostgresResult) {
    let columns = result.columns
    for row in 0..<result.rowCount {
      rows?.append(
        SQLRow(columns: columns, values: (0..<result.columnCount).map { result.value(row, $0) }))
    }
  }
}
