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
    let pipeline = try PostgresPipeline(self)
    try pipeline.send(statements.map { PipelineStatement($0) })
    let reply = try pipeline.receive()
    if let failure = reply.failure?.failure {
      if isAlive { try pipeline.close() }
      throw isAlive ? failure : lost(failure)
    }
    try pipeline.close()
    return reply.rows
  }
}
