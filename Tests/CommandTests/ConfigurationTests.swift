import Testing
import WindlassCore
import WindlassProof

@testable import windlass

@Suite struct ConfigurationTests {
  @Test func `a document with only what must be said has the documented defaults`() throws {
    let service = try #require(
      ConfigurationFile.parse(ConfigurationDocuments.minimal, file: "beacon.yaml").first)
    #expect(
      service
        == ServiceConfiguration(
          name: "beacon",
          source: ManifestSource(
            url: "https://releases.example/beacon.json", service: "beacon",
            interval: .minutes(1), publicKeys: [ConfigurationDocuments.publicKey]),
          channel: "stable", versions: .any, minimumAge: .zero,
          database: DatabaseConfiguration(
            source: .environment("BEACON_DB"), injection: nil, lockBudget: .milliseconds(100),
            holdBudget: .seconds(1)),
          backup: BackupConfiguration(directory: nil, keep: 5),
          proof: ProofConfiguration(requirement: .rehearsal, environment: [:], isolation: .network),
          fleet: ProcessFleetConfiguration(
            command: ["{artifact}/beacon", "serve"], environment: [:], replicas: 1,
            listeners: [try listener("http", "127.0.0.1:8080")], readinessPath: "/healthz",
            versionPath: "/version", versionPointer: "/version", drain: .seconds(30),
            grace: .seconds(10)),
          rollout: RolloutPolicy(),
          policy: PolicyConfiguration(approval: .never, isPaused: false)))
  }

  @Test func `every field of a document is taken`() throws {
    let service = try #require(
      ConfigurationFile.parse(ConfigurationDocuments.whole, file: "beacon.yaml").first)
    #expect(
      service
        == ServiceConfiguration(
          name: "beacon",
          source: ManifestSource(
            url: "https://releases.example:8443/beacon.json?tenant=1", service: "beacon",
            interval: .seconds(30), publicKeys: [ConfigurationDocuments.publicKey]),
          channel: "candidate", versions: try #require(VersionRange(">=1.0.0 <2.0.0")),
          minimumAge: .hours(24),
          database: DatabaseConfiguration(
            source: .environment("BEACON_DB"),
            injection: .init(environmentVariable: "BEACON_DB"), lockBudget: .milliseconds(50),
            holdBudget: .seconds(2)),
          backup: BackupConfiguration(directory: "/var/lib/windlass/backups", keep: 7),
          proof: ProofConfiguration(
            requirement: .queries, environment: ["BEACON_REHEARSAL": "1"], isolation: .none),
          fleet: ProcessFleetConfiguration(
            command: ["{artifact}/beacon", "serve"], environment: ["BEACON_LOG": "info"],
            replicas: 3,
            listeners: [
              try listener("http", "127.0.0.1:8080"), try listener("admin", "[::1]:9090"),
            ],
            readinessPath: "/ready", versionPath: "/about", versionPointer: "/build/version",
            drain: .seconds(20), grace: .seconds(5)),
          rollout: RolloutPolicy(
            replicas: 3, observe: .seconds(1), canary: 2, maxUnavailable: 1, maxSurge: 2,
            stability: .milliseconds(300), soak: .seconds(2), progressDeadline: .seconds(30)),
          policy: PolicyConfiguration(approval: .always, isPaused: true)))
  }

  @Test func `a file may hold several services`() throws {
    let second = ConfigurationDocuments.minimal
      .replacing("name: beacon}", with: "name: lantern}")
      .replacing("BEACON_DB", with: "LANTERN_DB").replacing("8080", with: "8081")
    let services = try ConfigurationFile.parse(
      ConfigurationDocuments.minimal + "---\n" + second + "---\n", file: "all.yaml")
    #expect(services.map(\.name) == ["beacon", "lantern"])
  }

  private func listener(_ name: String, _ address: String) throws -> ListenerConfiguration {
    ListenerConfiguration(name: name, address: try #require(NetworkAddress(address)))
  }
}

@Suite struct NetworkAddressTests {
  @Test(arguments: [
    "127.0.0.1:8080", "0.0.0.0:1", "[::1]:65535", "[fe80::1]:80", "[::ffff:127.0.0.1]:80",
  ])
  func `an address reads back as it was written`(text: String) throws {
    #expect(try #require(NetworkAddress(text)).description == text)
  }

  @Test(arguments: [
    "", ":80", "127.0.0.1", "127.0.0.1:", "127.0.0.1:0", "127.0.0.1:65536", "127.0.0.1:+80",
    "127.0.0.1:８０", "::1:80", "[127.0.0.1]:80", "localhost:80", "[]:80", "[::1:80", "256.0.0.1:1",
    "127.1:80",
  ])
  func `what is no literal address is refused`(text: String) {
    #expect(NetworkAddress(text) == nil)
  }
}
