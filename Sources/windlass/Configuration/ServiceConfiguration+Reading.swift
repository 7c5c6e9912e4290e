import MariaDBDriver
import WindlassCore
import WindlassSchema

import enum KubernetesFleet.WishBounds

extension ServiceConfiguration {
  /// Reads one ManagedService document.
  init(_ document: FieldReader) throws(ConfigurationError) {
    let top = try document.section("apiVersion", "kind", "metadata", "spec", "status")
    try ServiceConfiguration.checkKind(top)
    let metadata = try top.required("metadata", "metadata: {name: SERVICE}").section(
      "name", "namespace", "labels", "annotations")
    name = ServiceName(
      try metadata.required("name", "the service's name").text(
        "a name of lower-case letters, digits and hyphens, at most 63, such as beacon",
        where: TextRules.isName))
    let spec = try top.required("spec", "what is to be managed").section(
      "source", "database", "migrations", "backup", "proof", "fleet", "rollout", "policy",
      "windows")
    if let windows = spec.optional("windows") {
      throw windows.notBuilt(
        "gives windows for a source without a manifest",
        instead: "Leave it out: the manifest says the windows.")
    }
    let source = try spec.required("source", "where the releases come from").section(
      "manifest", "github", "channel", "versions", "minimumAge")
    self.source = try ManifestSource(source)
    channel =
      try source.optional("channel")?.text(
        "a channel's name of letters, digits and hyphens, such as stable", where: TextRules.isWord)
      ?? "stable"
    versions =
      try source.optional("versions")?.value(
        "a version range such as \">=1.0.0 <2.0.0\"", { VersionRange($0) }) ?? .any
    minimumAge =
      try source.optional("minimumAge")?.interval(in: WishBounds.minimumAge) ?? .zero
    database = try DatabaseConfiguration(spec.required("database", "the service's database"))
    try ServiceConfiguration.checkMigrations(spec.optional("migrations"))
    backup = try BackupConfiguration(spec.optional("backup"))
    proof = try ProofConfiguration(spec.optional("proof"))
    let fleet = try spec.required("fleet", "what runs the service")
    self.fleet = try ProcessFleetConfiguration(fleet)
    rollout = try RolloutPolicy(spec.optional("rollout"), replicas: self.fleet.replicas)
    policy = try PolicyConfiguration(spec.optional("policy"))
  }

  private static func checkKind(_ top: SectionReader) throws(ConfigurationError) {
    let version = try top.required("apiVersion", "apiVersion: windlass.dev/v1alpha1")
    _ = try version.text("windlass.dev/v1alpha1", where: { $0 == "windlass.dev/v1alpha1" })
    let kind = try top.required("kind", "kind: ManagedService")
    _ = try kind.text("ManagedService", where: { $0 == "ManagedService" })
  }

  private static func checkMigrations(_ field: FieldReader?) throws(ConfigurationError) {
    guard let field else { return }
    let (key, value) = try field.section("engine", "command").exactlyOne(of: "engine", "command")
    guard key == "engine" else {
      throw value.notBuilt(
        "gives the service's own migrate command",
        instead: "Write engine: {}, so that Windlass runs the manifest's migrations.")
    }
    _ = try value.section()
  }
}

extension ManifestSource {
  fileprivate init(_ source: SectionReader) throws(ConfigurationError) {
    let (key, value) = try source.exactlyOne(of: "manifest", "github")
    guard key == "manifest" else {
      throw value.notBuilt(
        "is a GitHub Releases feed", instead: "Write manifest: {url: …, publicKeys: […]}.")
    }
    let manifest = try value.section("url", "service", "interval", "publicKeys")
    let address = try manifest.required("url", "the manifest's URL")
    let wanted =
      "an https:, http: or file: URL without a user, such as https://releases.example/beacon.json"
    // A URL with a user is not shown: what follows the user's name is a password.
    guard try !address.text().contains("@") else {
      throw address.error("holds a user or a password", allowed: "Allowed: \(wanted).")
    }
    url = try address.text(wanted, where: TextRules.isManifestURL)
    service = try manifest.required("service", "the service's name in the manifest").text(
      "the service's name in the manifest, of letters, digits and hyphens",
      where: TextRules.isWord)
    interval =
      try manifest.optional("interval")?.interval(in: WishBounds.pollInterval) ?? .minutes(1)
    let keys = try manifest.required("publicKeys", "the minisign public keys that are trusted")
    publicKeys = []
    for key in try keys.elements(1...16, of: "public keys") {
      publicKeys.append(
        try key.text(
          "a minisign public key, the 56 characters beginning with RW of a .pub file's second line",
          where: TextRules.isPublicKey))
    }
  }
}

extension DatabaseConfiguration {
  fileprivate init(_ field: FieldReader) throws(ConfigurationError) {
    let section = try field.section(
      "urlFrom", "engine", "inject", "ledger", "lockBudget", "holdBudget", "backfillShare", "roles",
      "replicas")
    source = try DatabaseSource(section.required("urlFrom", "urlFrom: {env: NAME}"))
    engine = try section.optional("engine")?.choice(of: Engine.self)
    if let inject = section.optional("inject") {
      let injected = try inject.section("env", "format")
      injection = Injection(
        environmentVariable: try injected.required("env", "the variable's name").text(
          TextRules.variableWanted, where: TextRules.isVariable))
      _ = try injected.optional("format")?.text("url", where: { $0 == "url" })
    }
    if let ledger = section.optional("ledger") {
      let name = try ledger.choice(of: LedgerName.self)
      guard name == .golangMigrate else {
        throw ledger.error(
          "is the ledger of \(name.rawValue), which Windlass only reads, while its own engine"
            + " applies this service's migrations",
          allowed:
            "Let the service's servers wait with `windlass gate --ledger \(name.rawValue)`, or"
            + " write golang-migrate for a database that Windlass migrates.")
      }
    }
    let budgets = WishBounds.lockBudget
    lockBudget =
      try section.optional("lockBudget")?.interval(in: budgets) ?? Bounds.lockBudgetDefault
    holdBudget =
      try section.optional("holdBudget")?.interval(in: budgets) ?? Bounds.holdBudgetDefault
    backfillShare =
      try section.optional("backfillShare")?.integer(in: 1...100) ?? Bounds.backfillShareDefault
    roles = try section.optional("roles").map(DatabaseConfiguration.roles) ?? [:]
    replicas = try section.optional("replicas").map(DatabaseConfiguration.replicas) ?? []
  }

  private static func replicas(
    _ field: FieldReader
  ) throws(ConfigurationError) -> [DatabaseSource] {
    var replicas: [DatabaseSource] = []
    for element in try field.elements(1...MySQLServiceOptions.replicasMax, of: "replicas") {
      let url = try element.section("urlFrom").required("urlFrom", "urlFrom: {env: NAME}")
      replicas.append(try DatabaseSource(url))
    }
    return replicas
  }

  private static func roles(
    _ field: FieldReader
  ) throws(ConfigurationError) -> [DatabaseRole: DatabaseSource] {
    let section = try field.section("backup", "migrate", "probe")
    var roles: [DatabaseRole: DatabaseSource] = [:]
    for role in [DatabaseRole.backup, .migrate, .probe] {
      guard let field = section.optional(role.rawValue) else { continue }
      let url = try field.section("urlFrom").required("urlFrom", "urlFrom: {env: NAME}")
      roles[role] = try DatabaseSource(url)
    }
    return roles
  }
}

extension DatabaseSource {
  /// Reads `{env: NAME}` or `{file: PATH}`; no text is shown, as any may hold a password.
  init(_ field: FieldReader) throws(ConfigurationError) {
    guard !field.isScalar else {
      throw field.error(
        "is a text",
        allowed: "The URL itself does not belong into this file: write "
          + "{env: NAME} or {file: PATH}, which say where it is.")
    }
    let section = try field.section("env", "file", "secretKeyRef")
    let (key, value) = try section.exactlyOne(of: "env", "file", "secretKeyRef")
    switch key {
    case "env":
      let name = try value.text()
      guard TextRules.isVariable(name) else { throw value.misplaced(TextRules.variableWanted) }
      self = .environment(name)
    case "file":
      let path = try value.text()
      guard TextRules.isAbsolutePath(path), !TextRules.mayHoldSecret(path) else {
        throw value.misplaced("an absolute path of a file")
      }
      do throws(FileFailure) {
        _ = try TextFile.read(path, sizeMax: Bounds.databaseURLSizeMax)
      } catch {
        throw value.error(
          "is the file \(path), but \(error.reason)",
          allowed: "Write the database's URL into the first line of that file.")
      }
      self = .file(path)
    default:
      throw value.notBuilt(
        "is a Kubernetes Secret", instead: "Write env: NAME or file: PATH.")
    }
  }
}
