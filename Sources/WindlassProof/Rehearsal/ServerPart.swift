import WindlassCore

/// One part of a rehearsal in which a server is put to its probes.
package enum ServerPart: String, Codable, Sendable, CaseIterable {
  /// The old server on an untouched copy: what follows can be blamed on the migrations only when
  /// this passes.
  case oldBefore
  case oldOnNewSchema
  case newOnNewSchema
  case oldOnNewRows
  case newAfterContract
  /// The only part of an install.
  case newInstalled

  /// What tells this part's server from the others.
  package var label: String {
    switch self {
    case .oldBefore: "old-0"
    case .oldOnNewSchema: "old-1"
    case .newOnNewSchema, .newInstalled: "new-1"
    case .oldOnNewRows: "old-2"
    case .newAfterContract: "new-2"
    }
  }

  /// Whether the server is the deployed release's.
  var isOfSource: Bool {
    switch self {
    case .oldBefore, .oldOnNewSchema, .oldOnNewRows: true
    case .newOnNewSchema, .newAfterContract, .newInstalled: false
    }
  }

  /// Whether a failure is the release's fault; else it only means that nothing can be shown.
  var blamesRelease: Bool { self != .oldBefore }

  /// What the part does, as a step of the report.
  func title(for plan: Plan) -> String {
    let (old, new) = versions(of: plan)
    return switch self {
    case .oldBefore: "\(old) on an untouched copy"
    case .oldOnNewSchema: "\(old) on the schema that \(new) expands to"
    case .newOnNewSchema: "\(new) on the schema that it expands to"
    case .oldOnNewRows: "\(old) again, on what \(new) wrote"
    case .newAfterContract: "\(new) after its contract migrations"
    case .newInstalled: "\(new) on the schema that it installs"
    }
  }

  /// What a failure means, in words before the failure itself.
  func complaint(for plan: Plan) -> String {
    let (old, new) = versions(of: plan)
    return switch self {
    case .oldBefore:
      "\(old) fails on an untouched copy already, so nothing can be told from the migrated one"
    case .oldOnNewSchema: "\(old) no longer works on the schema that \(new) expands to"
    case .newOnNewSchema: "\(new) does not work on the schema that it expands to"
    case .oldOnNewRows: "\(old) can't work with what \(new) writes"
    case .newAfterContract: "\(new) no longer works after its contract migrations"
    case .newInstalled: "\(new) does not work on the schema that it installs"
    }
  }

  private func versions(of plan: Plan) -> (old: String, new: String) {
    (plan.source?.version.description ?? "nothing", plan.target.version.description)
  }
}
