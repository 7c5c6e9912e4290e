import WindlassCore

/// What a wish may say in a cluster where its definition does not tell right from wrong, or is of
/// an older version: each refusal names its field.
struct WishLimits {
  let spec: ManagedServiceSpec

  /// Fails for the first field that can't be followed.
  func check() throws(ObjectError) {
    try checkTimes()
    try checkSecrets()
    try checkTexts()
  }

  // MARK: - Times

  private func checkTimes() throws(ObjectError) {
    let rollout = spec.rollout
    if let manifest = spec.source.manifest {
      try check(manifest.interval, in: WishBounds.pollInterval, "spec.source.manifest.interval")
    }
    try check(spec.source.minimumAge, in: WishBounds.minimumAge, "spec.source.minimumAge")
    try check(spec.database.lockBudget, in: WishBounds.lockBudget, "spec.database.lockBudget")
    try check(spec.database.holdBudget, in: WishBounds.lockBudget, "spec.database.holdBudget")
    try check(rollout.observe, in: WishBounds.rolloutTime, "spec.rollout.observe")
    try check(rollout.stability, in: WishBounds.rolloutTime, "spec.rollout.stability")
    try check(rollout.soak, in: WishBounds.rolloutTime, "spec.rollout.soak")
    try check(
      rollout.progressDeadline, in: WishBounds.progressDeadline, "spec.rollout.progressDeadline")
    guard rollout.stability <= rollout.progressDeadline else {
      throw ObjectError(
        "spec.rollout.stability",
        "is \(rollout.stability), which no instance can show before the progressDeadline of"
          + " \(rollout.progressDeadline)",
        allowed: "Make spec.rollout.progressDeadline longer than stability.")
    }
  }

  private func check(
    _ time: Interval, in range: ClosedRange<Interval>, _ field: String
  ) throws(ObjectError) {
    guard range.contains(time) else {
      throw ObjectError(
        field, "is \(time)", allowed: "Allowed: from \(range.lowerBound) to \(range.upperBound).")
    }
  }

  // MARK: - Secrets

  /// Every URL that a step gets comes from a Secret; one that is elsewhere would be passed over in
  /// silence, and the step would work with the rights of the main one.
  private func checkSecrets() throws(ObjectError) {
    let roles = spec.database.roles
    let sources: [(String, URLSourceSpec?)] = [
      ("spec.database.roles.backup.urlFrom", roles?.backup?.urlFrom),
      ("spec.database.roles.migrate.urlFrom", roles?.migrate?.urlFrom),
      ("spec.database.roles.probe.urlFrom", roles?.probe?.urlFrom),
      ("spec.proof.scratchURLFrom", spec.proof.scratchURLFrom),
    ]
    for (field, source) in sources {
      guard let source, source.secretKeyRef == nil else { continue }
      throw ObjectError(
        "\(field).secretKeyRef", "is missing",
        allowed: "In a cluster steps read the URL from a Secret of the same namespace.")
    }
    guard spec.proof.scratchURLFrom == nil || spec.database.engine != .mysql else {
      throw ObjectError(
        "spec.proof.scratchURLFrom", "names a scratch server for a database of engine mysql",
        allowed: "Leave it out: there, copies are on the database's own server.")
    }
  }

  // MARK: - Texts

  private func checkTexts() throws(ObjectError) {
    guard spec.database.ledger == .golangMigrate else {
      throw ObjectError(
        "spec.database.ledger",
        "is \(spec.database.ledger.rawValue), a ledger that is only read, by `windlass gate`",
        allowed: "Steps work on golang-migrate's; write that, or leave it out.")
    }
    for name in spec.proof.env.keys.sorted() where !Self.isVariable(name) {
      throw ObjectError(
        "spec.proof.env", "has a name that no variable can have",
        allowed: "Allowed: letters, digits and underscores, not a digit first.")
    }
    let folders = spec.backup.directory?.split(separator: "/") ?? []
    guard !folders.contains("..") else {
      throw ObjectError(
        "spec.backup.directory", "leads out of the claim's volume",
        allowed: "Write a path without `..`, from the volume's root.")
    }
  }

  private static func isVariable(_ name: String) -> Bool {
    guard let first = name.utf8.first, !(0x30...0x39).contains(first), name.utf8.count <= 256 else {
      return false
    }
    return name.utf8.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x5F: true
      default: false
      }
    }
  }
}
