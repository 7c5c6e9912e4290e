import Testing
package import WindlassCore

/// A database for one clause: it has the table `t (a INTEGER PRIMARY KEY, b TEXT)`, empty.
package protocol DatabaseSessionSubject: Sendable {
  /// A session of its own, with a short deadline for locks.
  func connect() async throws -> any DatabaseSession

  /// How the engine writes the n-th parameter, such as `?` or `$1`.
  func parameter(_ number: Int) -> String

  /// A statement that takes far longer than any budget of a test, and touches no table.
  var endless: String { get }

  /// Runs the body while another session has changed `t` and not committed.
  func whileLocked(_ body: () async throws -> Void) async throws
}

/// What may be relied on when a transaction is a value.
package enum DatabaseSessionContract {
  /// One sentence of this contract.
  package typealias Clause = WindlassContracts.Clause<any DatabaseSessionSubject>

  /// Every clause; each wants a new subject.
  package static let clauses = batches + limits

  private static let wrong = StepFailure(
    code: "Wrong", disposition: .stop, message: "The requirement was not met.")

  private static func insert(_ subject: any DatabaseSessionSubject, _ a: Int64) -> BatchPart {
    .execute(SQLStatement("INSERT INTO t (a) VALUES (\(subject.parameter(1)))", [.integer(a)]))
  }

  private static let batches: [Clause] = [
    Clause("a batch is applied in order and in full, and counts its rows") { subject in
      let outcome = try await subject.connect().apply(
        StatementBatch(parts: [
          insert(subject, 1),
          .script("INSERT INTO t (a) VALUES (2); -- two\nUPDATE t SET b = 'x' WHERE a < 3;"),
          .require(
            SQLStatement("SELECT COUNT(*) FROM t WHERE b = 'x'"), equals: .integer(2),
            orFail: wrong),
        ]))
      #expect(outcome.rowsChanged == 4)
      #expect(try await subject.count() == 2)
    },
    Clause("values come back as they were sent") { subject in
      let session = try await subject.connect()
      let text = "it's \\ \"q\" \u{1F600}\n? $1 ; --"
      _ = try await session.apply(
        StatementBatch(parts: [
          .execute(
            SQLStatement(
              "INSERT INTO t (a, b) VALUES (\(subject.parameter(1)), \(subject.parameter(2)))",
              [.integer(-5), .text(text)])), insert(subject, 7),
        ]))
      let rows = try await session.rows(SQLStatement("SELECT a, b FROM t ORDER BY a"), limit: 2)
      #expect(rows.map(\.values) == [[.integer(-5), .text(text)], [.integer(7), .null]])
      #expect(rows.first?.columns == ["a", "b"])
      #expect(rows.first?["b"] == .text(text))
    },
    Clause("a statement that fails takes back what its batch did before") { subject in
      let session = try await subject.connect()
      for last in [insert(subject, 1), .script("INSERT INTO missing (a) VALUES (1)")] {
        let failed = try await failure {
          _ = try await session.apply(StatementBatch(parts: [insert(subject, 1), last]))
        }
        #expect(failed?.disposition == .stop)
        #expect(try await subject.count() == 0)
      }
      _ = try await session.apply(StatementBatch(parts: [insert(subject, 1)]))
      #expect(try await subject.count() == 1)
    },
    Clause("a requirement that is not met takes the batch back with its own failure") { subject in
      let session = try await subject.connect()
      let five = BatchPart.require(
        SQLStatement("SELECT COUNT(*) FROM t"), equals: .integer(5), orFail: wrong)
      let failed = try await failure {
        _ = try await session.apply(StatementBatch(parts: [insert(subject, 1), five]))
      }
      #expect(failed == wrong)
      #expect(try await subject.count() == 0)
    },
    Clause("a query without a row counts as null") { subject in
      let none = SQLStatement("SELECT a FROM t")
      let session = try await subject.connect()
      _ = try await session.apply(
        StatementBatch(parts: [
          .require(none, equals: .null, orFail: wrong), insert(subject, 1),
        ]))
      let failed = try await failure {
        _ = try await session.apply(
          StatementBatch(parts: [.require(none, equals: .null, orFail: wrong)]))
      }
      #expect(failed == wrong)
    },
  ]

  private static let limits: [Clause] = [
    Clause("one row more than asked for is an error, and the session goes on") { subject in
      let session = try await subject.connect()
      _ = try await session.apply(
        StatementBatch(parts: [insert(subject, 1), insert(subject, 2)]))
      #expect(try await session.rows(SQLStatement("SELECT a FROM t"), limit: 2).count == 2)
      let failed = try await failure {
        _ = try await session.rows(SQLStatement("SELECT a FROM t"), limit: 1)
      }
      #expect(failed?.code == "TooManyRows")
      #expect(try await session.rows(SQLStatement("SELECT a FROM t"), limit: 2).count == 2)
    },
    Clause("a lock that is not had in time is worth another try, and changes nothing") { subject in
      let session = try await subject.connect()
      let batch = StatementBatch(
        parts: [insert(subject, 1), insert(subject, 2)], lockBudget: .milliseconds(50))
      try await subject.whileLocked {
        let failed = try await failure { _ = try await session.apply(batch) }
        #expect(failed?.disposition == .retry, "\(failed?.description ?? "none")")
      }
      #expect(try await subject.count() == 0)
      _ = try await session.apply(batch)
      #expect(try await subject.count() == 2)
    },
    Clause("a batch over its hold budget is taken back, and the session goes on") { subject in
      let session = try await subject.connect()
      let failed = try await failure {
        _ = try await session.apply(
          StatementBatch(
            parts: [insert(subject, 1), .script(subject.endless)],
            holdBudget: .seconds(1)))
      }
      #expect(failed?.code == "HoldBudgetExceeded")
      #expect(failed?.disposition == .stop)
      #expect(try await subject.count() == 0)
      _ = try await session.apply(StatementBatch(parts: [insert(subject, 2)]))
      #expect(try await subject.count() == 1)
    },
    Clause("an error tells no value of a row") { subject in
      let session = try await subject.connect()
      let text = "INSERT INTO t (a, b) VALUES (\(subject.parameter(1)), \(subject.parameter(2)))"
      let secret = StatementBatch(
        parts: [.execute(SQLStatement(text, [.integer(41_414_141), .text("hunter2")]))])
      _ = try await session.apply(secret)
      let failed = try await failure { _ = try await session.apply(secret) }
      #expect(failed?.code == "ConstraintViolated")
      #expect(failed?.message.contains("hunter2") == false)
      #expect(failed?.message.contains("41414141") == false)
    },
  ]
}

extension DatabaseSessionSubject {
  /// The rows of the table, as a session of its own sees them.
  func count() async throws -> Int {
    try await connect().rows(SQLStatement("SELECT a FROM t"), limit: 100).count
  }
}
