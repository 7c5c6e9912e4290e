package import WindlassCore

/// Why a fetched document is not taken as the service's manifest.
package enum ManifestRefusal: Error, Hashable, Sendable {
  /// No trusted key signed these bytes.
  case signature(SignatureRefusal)
  /// Signed, but not a manifest.
  case invalid(ManifestError)
  /// Signed for another service by the same key.
  case wrongService(expected: ServiceName, found: ServiceName)
  /// Signed, but older than one that was trusted before: somebody replays it.
  case rollback(serial: Int64, floor: Int64)
  /// Another document has this serial: the key's owner signs two truths, or another person does.
  case equivocation(serial: Int64)
  /// A published version is not what it was.
  case changedRelease(Version)
}

extension ManifestRefusal {
  /// A stable CamelCase word; bounded, so it may label a metric.
  package var code: String {
    switch self {
    case .signature(let refusal): refusal.code
    case .invalid(let error): error.code.rawValue
    case .wrongService: "WrongService"
    case .rollback: "RollbackAttack"
    case .equivocation: "Equivocation"
    case .changedRelease: "ChangedRelease"
    }
  }

  /// Whether a person should look at once: a trusted key's signature is used against the rules,
  /// which no accident of the network explains.
  package var isAlarm: Bool {
    switch self {
    case .signature, .invalid: false
    case .wrongService, .rollback, .equivocation, .changedRelease: true
    }
  }
}

extension ManifestRefusal: CustomStringConvertible {
  package var description: String {
    switch self {
    case .signature(let refusal): refusal.description
    case .invalid(let error): "the signed manifest breaks a rule: \(error)"
    case .wrongService(let expected, let found):
      "the signed manifest is of service \(found), not of \(expected); check the URL of the source"
    case .rollback(let serial, let floor):
      "the signed manifest has serial \(serial), but \(floor) was trusted before: an old manifest"
        + " is replayed, or the publisher lost count; publish one with a serial above \(floor)"
    case .equivocation(let serial):
      "the signed manifest is not the one trusted before under the same serial \(serial): ask the"
        + " publisher whether the key is safe, and publish the right one under a higher serial"
    case .changedRelease(let version):
      "the signed manifest changes release \(version), which was published before; only"
        + " schema.max, yanked, notes and severity may change: publish a new version instead"
    }
  }
}
