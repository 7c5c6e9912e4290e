import WindlassCore
import WindlassProof

extension BackupConfiguration {
  /// Reads the section `backup`.
  init(_ field: FieldReader?) throws(ConfigurationError) {
    let section = try field?.section("directory", "keep", "volumeClaim")
    if let claim = section?.optional("volumeClaim") {
      throw claim.notBuilt(
        "names a volume claim of a cluster", instead: "Write directory: a folder of this machine.")
    }
    directory = try section?.optional("directory")?.text(
      "an absolute path of a folder", where: TextRules.isAbsolutePath)
    keep = try section?.optional("keep")?.integer(in: 1...1_000) ?? 5
  }
}

extension ProofConfiguration {
  /// Reads the section `proof`.
  init(_ field: FieldReader?) throws(ConfigurationError) {
    let section = try field?.section("require", "scratchURLFrom", "env", "isolation")
    requirement = try section?.optional("require")?.choice(of: ProofRequirement.self) ?? .rehearsal
    scratch = try section?.optional("scratchURLFrom").map { (field) throws(ConfigurationError) in
      try DatabaseSource(field)
    }
    environment =
      try section?.optional("env")?.texts(
        TextRules.variableWanted, where: TextRules.isVariable) ?? [:]
    isolation = try section?.optional("isolation")?.choice(of: Isolation.self) ?? .network
  }
}

extension PolicyConfiguration {
  /// Reads the section `policy`.
  init(_ field: FieldReader?) throws(ConfigurationError) {
    let section = try field?.section("approval", "windows", "onUnsafe", "paused")
    approval = try section?.optional("approval")?.choice(of: Approval.self) ?? .never
    if let windows = section?.optional("windows"),
      try !windows.elements(0...100, of: "windows").isEmpty
    {
      throw windows.notBuilt(
        "asks for maintenance windows", instead: "Leave it empty, and use approval: always.")
    }
    if let onUnsafe = section?.optional("onUnsafe"), try onUnsafe.text() != "block" {
      throw onUnsafe.notBuilt("asks for a planned downtime", instead: "Allowed: block.")
    }
    isPaused = try section?.optional("paused")?.boolean() ?? false
  }
}
