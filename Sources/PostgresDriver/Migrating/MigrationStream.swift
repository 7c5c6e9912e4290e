import WindlassCore
import WindlassSchema

/// Migrations of a series, each of them one request, a few of which are on their way at a time.
///
/// A request is sent before it is known what becomes of the one before. It checks by itself that
/// the ledger says what it builds on, so that none is carried out after one that was not.
struct MigrationStream {
  let connection: PostgresConnection
  let place: LedgerPlace
  let options: PostgresServiceOptions

  /// So many that the server need not wait for the client.
  private static let requestsMax = 3

  /// Applies the first migrations of a series, up to one that has to be looked at by itself.
  ///
  /// The tables of Windlass and the ledger are known to exist.
  ///
  /// - Parameters:
  ///   - batches: what is applied is taken away from the front.
  ///   - report: told of each as soon as it is certain.
  /// - Throws: for a migration that failed for good; it is rolled back, and stands in front.
  func run(
    _ batches: inout [PostgresBatch], report: (HistoryEntry) -> Void
  ) throws(StepFailure) {
    guard connection.isAlive, !connection.isInTransaction, let first = request(batches, at: 0)
    else { return }
    var done = 0
    defer { batches.removeFirst(done) }
    let usual = connection.patience
    if options.holdBudget == nil { connection.patience = Bounds.concurrentIndexDeadline }
    defer {
      connection.deadline = nil
      connection.patience = usual
    }
    let pipeline = try PostgresPipeline(connection)
    var sent = [first]
    try pipeline.send(first.statements)
    while !sent.isEmpty {
      while sent.count < Self.requestsMax, !Task.isCancelled,
        let next = request(batches, at: done + sent.count)
      {
        try pipeline.send(next.statements)
        sent.append(next)
      }
      connection.deadline = options.holdBudget.map { .now + .milliseconds($0.milliseconds) }
      switch sent.removeFirst().end(try pipeline.receive(), on: connection) {
      case .applied(let entry):
        done += 1
        report(entry)
      case .stopped:
        try leave(pipeline)
        return
      case .failed(let failure):
        try leave(pipeline)
        throw failure
      }
    }
    try leave(pipeline)
  }

  private func request(_ batches: [PostgresBatch], at index: Int) -> MigrationRequest? {
    guard index < batches.count, batches[index].steps.count == 1 else { return nil }
    return MigrationRequest(
      batches[index].steps[0], place: place, options: options, on: connection)
  }

  /// Ends the requests that are still on their way, none of which can have come about behind one
  /// that has not.
  private func leave(_ pipeline: PostgresPipeline) throws(StepFailure) {
    connection.deadline = nil
    guard try pipeline.close() else {
      throw StepFailure(
        code: "LedgerMoved", disposition: .retry,
        message: "A migration of \(connection.place) was applied behind one that was not. Look at"
          + " `windlass schema`.")
    }
    connection.rollBack()
  }
}
