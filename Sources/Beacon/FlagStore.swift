import NIOCore

/// Flags in the database, by the statements of one release.
struct FlagStore: Sendable {
  private let database: Database
  private let queries: FlagQueries

  init(database: Database) {
    self.database = database
    queries = database.queries
  }

  /// The flag of that key; nil when there is none.
  func flag(_ key: String, on loop: any EventLoop) -> EventLoopFuture<FlagReply?> {
    database.read(loop) { [queries] connection throws(DatabaseError) in
      try connection.rows(queries.flag, [.text(key)]).first.map(FlagStore.flag(from:))
    }
  }

  /// Every flag, by key.
  func flags(on loop: any EventLoop) -> EventLoopFuture<FlagListReply> {
    database.read(loop) { [queries] connection throws(DatabaseError) in
      FlagListReply(flags: try connection.rows(queries.flags, []).map(FlagStore.flag(from:)))
    }
  }

  /// The latest recorded changes.
  func auditEntries(on loop: any EventLoop) -> EventLoopFuture<AuditReply> {
    database.read(loop) { [queries] connection throws(DatabaseError) in
      AuditReply(
        entries: try connection.rows(queries.auditEntries, []).map {
          AuditEntry(flagKey: $0[0].text ?? "", revision: $0[1].integer)
        })
    }
  }

  /// Creates the flag, or changes it when it exists; repeating it is harmless.
  func put(_ request: FlagRequest, on loop: any EventLoop) -> EventLoopFuture<FlagReply?> {
    database.write(loop) { [queries] connection throws(DatabaseError) in
      let parameters: [DatabaseValue] = [
        .text(request.key), .text(request.name), .integer(request.isEnabled ? 1 : 0),
        .integer(request.rolloutPercent ?? 100),
      ]
      for upsert in queries.upserts {
        try connection.execute(upsert, parameters)
      }
      if let audit = queries.audit { try connection.execute(audit, [.text(request.key)]) }
      var reply = try connection.rows(queries.flag, [.text(request.key)]).first
        .map(FlagStore.flag(from:))
      reply?.requestID = request.requestID
      return reply
    }
  }

  /// Which variant the entity sees; nil when there is no such flag.
  func evaluate(
    _ request: EvaluationRequest, on loop: any EventLoop
  ) -> EventLoopFuture<EvaluationReply?> {
    database.read(loop) { [queries] connection throws(DatabaseError) in
      guard let row = try connection.rows(queries.flag, [.text(request.flagKey)]).first else {
        return nil
      }
      let targeting = Targeting(
        flag: FlagStore.flag(from: row),
        rules: FlagStore.rules(from: try connection.rows(queries.rules, [.text(request.flagKey)])),
        variants: try connection.rows(queries.variants, [.text(request.flagKey)]).map {
          Targeting.Variant(key: $0[0].text ?? "", weight: $0[1].integer)
        })
      return targeting.evaluate(request)
    }
  }

  private static func flag(from row: [DatabaseValue]) -> FlagReply {
    FlagReply(
      key: row[0].text ?? "", name: row[1].text ?? "", isEnabled: row[2].integer != 0,
      rolloutPercent: row[3].integer, revision: row[4].integer)
  }

  /// One row per constraint, rules in order of rank; a segment without constraints has one row.
  private static func rules(from rows: [[DatabaseValue]]) -> [Targeting.Rule] {
    var rules: [Targeting.Rule] = []
    for row in rows {
      if rules.last?.rank != row[0].integer {
        rules.append(
          Targeting.Rule(
            rank: row[0].integer, variantKey: row[1].text ?? "", needsAll: row[2].text == "all"))
      }
      guard let property = row[3].text else { continue }
      rules[rules.count - 1].constraints.append(
        Targeting.Constraint(
          property: property, comparison: row[4].text ?? "", value: row[5].text ?? ""))
    }
    return rules
  }
}
