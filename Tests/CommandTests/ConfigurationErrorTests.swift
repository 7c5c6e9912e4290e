import Testing

@testable import windlass

@Suite struct ConfigurationErrorTests {
  /// What is changed in a good document, and the text that stands there instead.
  private static let changes: [(String, String, String)] = [
    ("an unknown key at the top", "metadata:", "metdata:"),
    ("an unknown key in a section", "replicas: 3", "replica: 3"),
    ("an unknown key that resembles none", "replicas: 3", "quux: 3"),
    ("a missing section", "    urlFrom: {env: BEACON_DB}\n", ""),
    ("another version", "windlass.dev/v1alpha1", "windlass.dev/v2"),
    ("another kind", "kind: ManagedService", "kind: Service"),
    ("a name with capitals", "name: beacon\n", "name: Beacon\n"),
    ("a number for text", "channel: candidate", "channel: 1.0"),
    ("a truth value for text", "channel: candidate", "channel: yes"),
    ("text for a number", "replicas: 3", "replicas: three"),
    ("a fraction for a number", "replicas: 3", "replicas: 3.5"),
    ("a number too large", "replicas: 3", "replicas: 65"),
    ("no instances", "replicas: 3", "replicas: 0"),
    ("a list for a mapping", "readiness: {path: /ready}", "readiness: [/ready]"),
    ("a mapping for a list", "- {name: http, address: \"127.0.0.1:8080\"}\n        - {", "{"),
    ("text for a truth value", "paused: true", "paused: \"true\""),
    ("a length of time without a unit", "interval: 30s", "interval: 30"),
    ("a length of time with an unknown unit", "interval: 30s", "interval: 30 seconds"),
    ("a length of time too short", "interval: 30s", "interval: 10ms"),
    ("a bad version range", ">=1.0.0 <2.0.0", ">=1.0 <2"),
    ("a URL of another scheme", "https://releases.example:8443", "ftp://releases.example"),
    ("a URL with a user", "https://releases.example:8443", "https://me:pw@releases.example"),
    ("a URL with a bad port", "https://releases.example:8443", "https://releases.example:99999"),
    ("a public key that is none", ConfigurationDocuments.publicKey, "RWQ"),
    ("no public key", "[\"\(ConfigurationDocuments.publicKey)\"]", "[]"),
    (
      "a GitHub source",
      """
          manifest:
            url: https://releases.example:8443/beacon.json?tenant=1
            service: beacon
            interval: 30s
            publicKeys: ["\(ConfigurationDocuments.publicKey)"]
      """, "    github: {repository: a/b}"
    ),
    ("two sources", "  channel:", "  github: {repository: a/b}\n    channel:"),
    ("a database's URL in the file", "urlFrom: {env: BEACON_DB}", "urlFrom: sqlite:///x.db"),
    ("a database from nowhere", "urlFrom: {env: BEACON_DB}", "urlFrom: {}"),
    ("a database from a missing file", "urlFrom: {env: BEACON_DB}", "urlFrom: {file: /no/such}"),
    ("a database from a relative file", "urlFrom: {env: BEACON_DB}", "urlFrom: {file: db.url}"),
    ("a database from a Secret", "urlFrom: {env: BEACON_DB}", "urlFrom: {secretKeyRef: {name: a}}"),
    ("a bad variable", "urlFrom: {env: BEACON_DB}", "urlFrom: {env: BEACON-DB}"),
    ("another ledger", "ledger: golang-migrate", "ledger: flyway"),
    ("another format", "format: url", "format: dsn"),
    ("a role without a URL", "roles: {}", "roles: {backup: {}}"),
    ("a role's URL in the file", "roles: {}", "roles: {probe: \"postgres://u:pw@h/d\"}"),
    ("a role that there is not", "roles: {}", "roles: {backups: {urlFrom: {env: A}}}"),
    ("a role's URL from nowhere", "roles: {}", "roles: {migrate: {urlFrom: {}}}"),
    (
      "a role's URL from a missing file", "roles: {}",
      "roles: {migrate: {urlFrom: {file: /no/such}}}"
    ),
    ("a migrate command", "    engine: {}", "    command: [\"beacon\", \"migrate\"]"),
    ("a relative folder for backups", "directory: /var/lib", "directory: lib"),
    ("a folder with two dots", "directory: /var/lib", "directory: /var/../lib"),
    ("a misspelt proof", "require: queries", "require: query"),
    ("a misspelt isolation", "isolation: none", "isolation: netwrok"),
    ("a deployment", "    processes:\n", "    deployment:\n"),
    ("a misspelt fleet", "    processes:\n", "    process:\n"),
    ("an empty command", "command: [\"{artifact}/beacon\", \"serve\"]", "command: []"),
    ("a command looked up in PATH", "{artifact}/beacon", "beacon"),
    ("an unknown placeholder", "\"serve\"", "\"--port={port}\""),
    ("a command with a number", "\"serve\"", "8080"),
    ("a listener without an address", ", address: \"127.0.0.1:8080\"", ""),
    ("an address without a port", "127.0.0.1:8080", "127.0.0.1"),
    ("a host name for an address", "127.0.0.1:8080", "localhost:8080"),
    ("two listeners of one name", "name: admin", "name: http"),
    ("two listeners on one address", "[::1]:9090", "127.0.0.1:8080"),
    ("a listener with a private name", "name: admin", "name: admin-private"),
    ("a path without a slash", "path: /ready", "path: ready"),
    ("a pointer that is none", "pointer: /build/version", "pointer: version"),
    ("a canary larger than the fleet", "canary: 2", "canary: 4"),
    ("the whole fleet unavailable", "maxUnavailable: 1", "maxUnavailable: 3"),
    (
      "a fleet that can't be rolled", "maxUnavailable: 1\n    maxSurge: 2",
      "maxUnavailable: 0\n    maxSurge: 0"
    ),
    ("a stability beyond the deadline", "stability: 300ms", "stability: 5m"),
    ("an analysis", "analysis: []", "analysis: [{query: up}]"),
    ("maintenance windows", "windows: []", "windows: [{days: [sat]}]"),
    ("windows beside a manifest", "  policy:", "  windows: {}\n  policy:"),
    ("a planned downtime", "onUnsafe: block", "onUnsafe: recreate"),
    ("a misspelt approval", "approval: always", "approval: allways"),
    ("a key twice", "canary: 2", "canary: 2\n    canary: 3"),
    ("a tab", "  source:", "\tsource:"),
    ("an open bracket", "labels: {team: flags}", "labels: {team: flags"),
    ("an unknown alias", "labels: {team: flags}", "labels: *flags"),
    ("a long value", "channel: candidate", "channel: \(String(repeating: "long ", count: 40))"),
  ]

  @Test func `every wrong document has its own error, which names the place and what is right`()
    throws
  {
    var golden = ""
    for (name, old, new) in ConfigurationErrorTests.changes {
      let text = ConfigurationDocuments.whole.replacing(old, with: new)
      #expect(text != ConfigurationDocuments.whole, "\(name) changed nothing")
      golden += "\(name):\n  \(message(text))\n"
    }
    golden += "another document:\n  \(message(ConfigurationDocuments.minimal + "---\n[1]\n"))\n"
    golden += "nothing:\n  \(message(""))\n"
    let twice = ConfigurationDocuments.minimal + "---\n" + ConfigurationDocuments.minimal
    golden += "a name twice:\n  \(message(twice))\n"
    let renamed = twice.replacing(
      "---\n" + ConfigurationDocuments.minimal,
      with: "---\n" + ConfigurationDocuments.minimal.replacing("{name: beacon}", with: "{name: b}"))
    golden += "a database twice:\n  \(message(renamed))\n"
    try expectGolden(golden, "configuration-errors.txt")
  }

  @Test func `a file that can't be read is named with the reason`() {
    #expect(
      throws: ConfigurationError(
        place: .init(file: "/no/such.yaml"), found: "can't be read: it does not exist",
        allowed: "Name a file of ManagedService documents with --config.")
    ) { try ConfigurationFile.load("/no/such.yaml") }
    #expect(throws: ConfigurationError.self) { try ConfigurationFile.load("/") }
  }

  private func message(_ text: String) -> String {
    do throws(ConfigurationError) {
      _ = try ConfigurationFile.parse(text, file: "beacon.yaml")
      return "NO ERROR"
    } catch {
      return error.message
    }
  }
}
