import CPostgres
import WindlassCore
import WindlassSchema

/// One statement of a request.
struct PipelineStatement {
  var text: String
  var parameters: [SQLValue] = []
  /// Whether the server keeps its plan for the next time.
  var isKept: Bool

  /// A statement that comes again.
  init(_ statement: SQLStatement) {
    text = statement.text
    parameters = statement.parameters
    isKept = true
  }

  /// A statement without parameters that comes once.
  init(once text: String) {
    self.text = text
    isKept = false
  }
}

/// What the server says to one request.
struct PipelineReply {
  /// The rows of each statement; none from the one on that failed.
  var rows: [[SQLRow]]
  /// The first statement that failed.
  var failure: PipelineFailure?
}

/// A statement of a request that failed.
struct PipelineFailure {
  /// Its place among the request's statements.
  var place: Int
  var failure: StepFailure
  /// What the server said; nil when the connection was lost.
  var error: PostgresError?
}

/// Requests of several statements each, which may be sent before the answer to the one before has
/// come.
///
/// The server skips what follows a statement that failed, up to the end of its request, and begins
/// the next request whatever came of this one. Nothing else may use the session until it is closed.
final class PostgresPipeline {
  private let connection: PostgresConnection
  private var waiting: [Request] = []
  /// The names of statements of which it is not known yet whether the server keeps them.
  private var made: [String: String] = [:]

  init(_ connection: PostgresConnection) throws(StepFailure) {
    self.connection = connection
    guard connection.library.enterPipeline(connection.handle) == 1 else { throw connection.lost() }
  }

  /// How many requests have no answer yet.
  var count: Int { waiting.count }

  /// Sends a request as far as the server takes it now; `receive` sends the rest.
  func send(_ statements: [PipelineStatement]) throws(StepFailure) {
    let (library, handle) = (connection.library, connection.handle)
    var request = Request()
    for (place, statement) in statements.enumerated() {
      guard statement.isKept else {
        let sent = library.sendQueryParams(handle, statement.text, 0, nil, nil, nil, nil, 0)
        guard sent == 1 else { throw connection.lost() }
        request.answers.append(Answer(place: place, text: statement.text))
        continue
      }
      let known = connection.prepared[statement.text] ?? made[statement.text]
      let name = known ?? nextName()
      if known == nil {
        made[statement.text] = name
        request.made.append(statement.text)
        guard library.sendPrepare(handle, name, statement.text, 0, nil) == 1 else {
          throw connection.lost()
        }
        request.answers.append(Answer(place: place, text: statement.text, isPreparation: true))
      }
      let values = CTexts(statement.parameters.map(\.wireText))
      let sent = withExtendedLifetime(values) {
        library.sendPrepared(
          handle, name, Int32(statement.parameters.count), values.pointer, nil, nil, 0)
      }
      guard sent == 1 else { throw connection.lost() }
      request.answers.append(Answer(place: place, text: statement.text))
    }
    guard library.pipelineSync(handle) == 1 else { throw connection.lost() }
    waiting.append(request)
  }

  /// Waits for the whole answer to the oldest request that has none.
  ///
  /// - Throws: for a connection on which nothing more will come.
  func receive() throws(StepFailure) -> PipelineReply {
    var reply = PipelineReply(rows: [])
    var limit = StatementLimit(deadline: connection.deadline, patience: connection.patience)
    try connection.flush(&limit)
    let request = waiting.removeFirst()
    for answer in request.answers {
      var rows: [SQLRow] = []
      // A null pointer ends each statement's results.
      while let result = try connection.nextResult(&limit) {
        switch result.status {
        case PGRES_FATAL_ERROR, PGRES_BAD_RESPONSE, PGRES_NONFATAL_ERROR:
          guard reply.failure == nil else { continue }
          let error = result.error(in: answer.text)
          reply.failure = PipelineFailure(
            place: answer.place,
            failure: error.failure(place: connection.place, whom: connection.whom), error: error)
        case PGRES_TUPLES_OK: rows += result.rows
        default: break
        }
      }
      guard connection.isAlive else {
        let failure = reply.failure?.failure
        throw failure.map { connection.lost($0) } ?? connection.lost()
      }
      if !answer.isPreparation, reply.failure == nil { reply.rows.append(rows) }
    }
    while let result = try connection.nextResult(&limit) {
      if result.status == PGRES_PIPELINE_SYNC { break }
    }
    settle(request.made, isKept: reply.failure == nil)
    return reply
  }

  /// Reads the answers that are still to come, and lets the session be used again.
  ///
  /// - Returns: whether no request among those that were still waited for was carried out.
  @discardableResult
  func close() throws(StepFailure) -> Bool {
    var hasFailed = true
    while !waiting.isEmpty {
      if try receive().failure == nil { hasFailed = false }
    }
    guard connection.library.exitPipeline(connection.handle) == 1 else { throw connection.lost() }
    return hasFailed
  }

  /// A name that no statement has, also none of which it is not known whether the server kept it.
  private func nextName() -> String {
    connection.preparedCount += 1
    return "windlass_\(connection.preparedCount)"
  }

  /// Takes over the names that a request gave, or forgets them where the server may have skipped
  /// them.
  private func settle(_ texts: [String], isKept: Bool) {
    for text in texts {
      guard let name = made.removeValue(forKey: text), isKept else { continue }
      connection.prepared[text] = name
    }
  }

  /// What was sent and not answered.
  private struct Request {
    var answers: [Answer] = []
    /// The statements that the server keeps from now on.
    var made: [String] = []
  }

  /// What is to come for one message.
  private struct Answer {
    /// The statement's place in its request.
    var place: Int
    /// The statement, for the line of an error.
    var text: String
    var isPreparation = false
  }
}

extension PostgresResult {
  /// All rows of the result.
  var rows: [SQLRow] {
    let count = rowCount
    guard count > 0 else { return [] }
    let columns = columns
    return (0..<count).map { row in
      SQLRow(columns: columns, values: (0..<columnCount).map { value(row, $0) })
    }
  }
}
