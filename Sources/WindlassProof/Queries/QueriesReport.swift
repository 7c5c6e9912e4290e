package import WindlassSchema

/// What recorded queries showed of a migrated copy.
package struct QueriesReport: Hashable, Sendable {
  /// How many were recorded.
  package var recorded: Int
  /// How many of them could be prepared before the migrations, so that they show something.
  package private(set) var checked = 0
  /// What those are of all recorded calls, in percent.
  package private(set) var coverage = 0
  /// What there is to say of single ones.
  package private(set) var findings: [QueryFinding] = []

  /// Compares what came of preparing them before the migrations and after.
  package init(
    _ recorded: RecordedQueries, before: [QueryOutcome], after: [QueryOutcome]
  ) {
    self.recorded = recorded.queries.count
    var calls: Int64 = 0
    for (query, (before, after)) in zip(recorded.queries, zip(before, after)) {
      switch (before, after) {
      case (.refused(let reason), _):
        findings.append(QueryFinding(query, .unchecked, reason))
        continue
      case (.prepared, .refused(let reason)):
        findings.append(QueryFinding(query, .broken, reason))
      case (.prepared(let old), .prepared(let new)):
        if let old, let new, old != new {
          findings.append(QueryFinding(query, .changed, Self.difference(old, new)))
        }
      }
      checked += 1
      calls = calls.addingCapped(query.calls)
    }
    // Rounded down: what is not shown counts as not shown.
    let all = max(1, recorded.calls)
    coverage = checked == self.recorded ? 100 : Int(Double(calls) / Double(all) * 100)
  }

  private static func difference(_ old: [String], _ new: [String]) -> String {
    "its result was (\(old.joined(separator: ", "))) and is (\(new.joined(separator: ", ")))"
  }

  /// The findings of that kind.
  func findings(_ kind: QueryFinding.Kind) -> [QueryFinding] {
    findings.filter { $0.kind == kind }
  }
}

/// What was found of one query.
package struct QueryFinding: Hashable, Sendable {
  /// What can be found.
  package enum Kind: String, Hashable, Sendable {
    /// It can't be prepared any more.
    case broken
    /// It could not be prepared before the migrations either.
    case unchecked
    /// The columns of its result are others.
    case changed
  }

  package var query: RecordedQuery
  package var kind: Kind
  /// The engine's words, or what is different.
  package var reason: String

  init(_ query: RecordedQuery, _ kind: Kind, _ reason: String) {
    self.query = query
    self.kind = kind
    self.reason = reason
  }

  /// The query for a sentence of evidence.
  var title: String { "query \"\(Excerpt.plain(query.name, limit: 100))\"" }

  /// What was found, for a sentence of evidence, with the statement behind it.
  var evidence: String { "\(Excerpt.plain(reason)) in: \(Excerpt.plain(query.sql))" }
}
