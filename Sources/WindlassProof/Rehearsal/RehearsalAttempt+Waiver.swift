import WindlassCore
import WindlassSchema

/// A proof for which a person accepts less than a rehearsal (`proof.require`).
extension RehearsalAttempt {
  var requirement: ProofRequirement { runner.configuration.requirement }

  /// Says in the evidence what is waived, whatever the verdict.
  func noteWaiver() {
    guard requirement != .rehearsal else { return }
    record.passed.append(
      "proof.require: \(requirement.rawValue) waives the rehearsal: no server was run, and "
        + "automatic roll-back stays off")
  }

  /// Counts what stands in for a server's run.
  func passWaived(_ sentence: String) {
    record.checks += 1
    record.passed.append(sentence)
  }

  /// Judges an upgrade by what is accepted instead of servers, and tries its contract migrations.
  ///
  /// - Parameter queries: What was prepared; nil where the source has no recorded queries that can
  ///   be used, which is enough where the structure alone is required.
  func judgeWaived(
    _ queries: QueryBaseline?, _ source: Release, _ copy: ScratchCopy
  ) async throws(RehearsalEnd) {
    switch requirement {
    case .rehearsal: break
    case .queries:
      if plan.migrations.isEmpty {
        passWaived("no migration changes the schema that \(source.version) works with")
      } else if queries == nil, record.unknown.isEmpty {
        record.unknown.append(
          "proof.require: queries, and \(source.version) was published without recorded queries; "
            + "record some with `windlass queries capture` and publish them with the release, or "
            + "require something else")
      }
    case .structure:
      guard record.unsafe.isEmpty else { break }
      passWaived(
        "the schema that \(plan.target.version) expands to lacks nothing that \(source.version) "
          + "may use")
    }
    try await contract(copy)
  }
}
