import ReleaseFeeds
import Testing
import WindlassCore
import WindlassWire

/// What is accepted after what, with one trusted key unless a test says otherwise.
private struct Reader {
  var state = TrustState.empty
  var keys: TrustedKeys
  var now = Sample.now

  init(_ keys: SecretKey...) throws { self.keys = try TrustedKeys(keys.map(\.publicKey)) }

  /// Accepts the document and remembers it, or says why not.
  @discardableResult
  mutating func read(_ document: JSONValue, by key: SecretKey) throws -> Acceptance {
    let verified = try VerifiedDocument.verify(
      document.bytes, signature: key.sign(document.bytes, trustedComment: "test"), by: keys)
    let acceptance = try state.accept(verified, of: Sample.service, keys: keys, at: now)
    state = acceptance.state
    return acceptance
  }
}

@Suite struct TrustStateTests {
  private let key = SecretKey.generate()

  @Test func `a first manifest and a higher serial are news`() throws {
    var reader = try Reader(key)
    #expect(try reader.read(Sample.manifest(serial: 41), by: key).isNews)
    #expect(try reader.read(Sample.manifest(serial: 43), by: key).isNews)
  }

  @Test func `the same manifest again is no news and changes nothing`() throws {
    var reader = try Reader(key)
    let first = try reader.read(Sample.manifest(), by: key)
    let second = try reader.read(Sample.manifest(), by: key)
    #expect(!second.isNews)
    #expect(second.state == first.state)
    #expect(second.manifest.serial == 42)
  }

  @Test func `an older serial is an attack`() throws {
    var reader = try Reader(key)
    try reader.read(Sample.manifest(serial: 42), by: key)
    #expect(throws: ManifestRefusal.rollback(serial: 41, floor: 42)) {
      try reader.read(Sample.manifest(serial: 41), by: key)
    }
  }

  @Test func `an equal serial with other bytes is an alarm`() throws {
    var reader = try Reader(key)
    try reader.read(Sample.manifest(), by: key)
    let other = Sample.manifest().setting("/releases/1/notes", to: "other")
    let refusal = #expect(throws: ManifestRefusal.equivocation(serial: 42)) {
      try reader.read(other, by: key)
    }
    #expect(refusal?.isAlarm == true)
  }

  @Test func `a manifest of another service by the same key is refused`() throws {
    var reader = try Reader(key)
    let other = Sample.manifest().setting("/service", to: "lantern")
    #expect(throws: ManifestRefusal.wrongService(expected: "beacon", found: "lantern")) {
      try reader.read(other, by: key)
    }
  }

  @Test func `an expired manifest is accepted and flagged`() throws {
    var reader = try Reader(key)
    #expect(try reader.read(Sample.manifest(), by: key).isFresh)
    reader.now = Sample.expires
    let acceptance = try reader.read(Sample.manifest(), by: key)
    #expect(!acceptance.isFresh)
    #expect(!acceptance.isNews)
  }

  @Test(arguments: [
    Breach("/releases/1/schema/sqlite/max", 7), Breach("/releases/1/notes", "new notes"),
    Breach("/releases/1/yanked", ["reason": "loses writes", "remedy": "use 1.1.1"]),
    Breach("/releases/1/severity", "critical"), Breach("/releases/1/unknown", "field"),
    Breach("/expires", "2030-01-01T00:00:00Z"),
  ]) func `what a later serial may change is accepted`(breach: Breach) throws {
    var reader = try Reader(key)
    try reader.read(Sample.manifest(), by: key)
    let later = Sample.manifest(serial: 43).setting(breach.pointer, to: breach.value)
    #expect(try reader.read(later, by: key).isNews)
  }

  @Test(arguments: [
    Breach("artifact/archive/sha256", .string(Sample.digest("aa"))),
    Breach("artifact/archive/url", "https://elsewhere.example/beacon.tar.gz"),
    Breach("artifact/archive/size", 9_000_001), Breach("artifact/archive", nil),
    Breach("artifact/image", .string("elsewhere.example/beacon@sha256:\(Sample.digest("0f"))")),
    Breach("artifact/image", nil), Breach("channel", "beta"),
    Breach("published", "2025-11-20T10:00:01Z"), Breach("upgradeFrom", ">=0.9.0"),
    Breach("upgradeFrom", nil), Breach("requiredStop", true), Breach("schema/sqlite/min", 2),
    Breach("schema/mysql", ["min": 1, "max": 1]), Breach("schema/postgres", nil),
    Breach("migrations/sqlite/archive/sha256", .string(Sample.digest("ce"))),
    Breach("migrations/sqlite/archive/url", "https://elsewhere.example/m.tar.gz"),
    Breach("migrations/sqlite/backfill", []), Breach("migrations/sqlite/contract", [6]),
    Breach("migrations", nil), Breach("queries/sqlite/sha256", .string(Sample.digest("ee"))),
    Breach("queries", nil), Breach("probes/0/path", "/other"), Breach("probes/0/safe", false),
    Breach("probes/0/body", ["key": "a"]), Breach("probes/0/expect/values/~1", 1),
    Breach("probes/0/expect/status", 201), Breach("probes/0/method", "PUT"),
    Breach("probes/0/capture", [:]), Breach("probes", []),
  ]) func `anything else changed in a published version is an alarm`(breach: Breach) throws {
    var reader = try Reader(key)
    try reader.read(Sample.manifest(), by: key)
    let later = Sample.manifest(serial: 43).setting(
      "/releases/1/" + breach.pointer, to: breach.value)
    let refusal = #expect(throws: ManifestRefusal.changedRelease(Version(1, 1, 0))) {
      try reader.read(later, by: key)
    }
    #expect(refusal?.isAlarm == true)
  }

  @Test func `a version that was left out for a while must come back as it was`() throws {
    var reader = try Reader(key)
    try reader.read(Sample.manifest(serial: 1), by: key)
    try reader.read(Sample.manifest(serial: 2, releases: [Sample.earlier]), by: key)
    let changed = Sample.release.setting("/probes", to: [])
    #expect(throws: ManifestRefusal.changedRelease(Version(1, 1, 0))) {
      try reader.read(Sample.manifest(serial: 3, releases: [Sample.earlier, changed]), by: key)
    }
    #expect(try reader.read(Sample.manifest(serial: 3), by: key).isNews)
  }

  @Test func `a release that mixes two others is an alarm`() throws {
    var reader = try Reader(key)
    try reader.read(Sample.manifest(), by: key)
    let mixed = Sample.manifest(serial: 43).setting(
      "/releases/1/artifact", to: Sample.earlier["artifact"])
    #expect(throws: ManifestRefusal.changedRelease(Version(1, 1, 0))) {
      try reader.read(mixed, by: key)
    }
  }
}

/// Several keys: one that is stolen, one that follows it.
@Suite struct KeyRotationTests {
  private let stolen = SecretKey.generate()
  private let successor = SecretKey.generate()
  private let highest = Bounds.serialLimit - 1

  @Test func `dropping a stolen key drops the serial that it used up`() throws {
    var reader = try Reader(stolen, successor)
    try reader.read(Sample.manifest(serial: highest), by: stolen)
    #expect(throws: ManifestRefusal.rollback(serial: 43, floor: highest)) {
      try reader.read(Sample.manifest(serial: 43), by: successor)
    }
    reader.keys = try Sample.trusted(successor)
    #expect(try reader.read(Sample.manifest(serial: 43), by: successor).isNews)
  }

  @Test func `dropping a stolen key drops what it said about versions`() throws {
    var reader = try Reader(stolen, successor)
    let spoilt = Sample.manifest(serial: 2)
      .setting("/releases/1/artifact/archive/sha256", to: .string(Sample.digest("66")))
    try reader.read(spoilt, by: stolen)
    #expect(throws: ManifestRefusal.changedRelease(Version(1, 1, 0))) {
      try reader.read(Sample.manifest(serial: 3), by: successor)
    }
    reader.keys = try Sample.trusted(successor)
    #expect(try reader.read(Sample.manifest(serial: 3), by: successor).isNews)
  }

  @Test func `a second key can't replay what the first one has overtaken`() throws {
    var reader = try Reader(stolen, successor)
    try reader.read(Sample.manifest(serial: 5), by: successor)
    #expect(throws: ManifestRefusal.rollback(serial: 4, floor: 5)) {
      try reader.read(Sample.manifest(serial: 4), by: stolen)
    }
  }

  @Test func `the same bytes by a second key are no news, and raise its floor`() throws {
    var reader = try Reader(stolen, successor)
    try reader.read(Sample.manifest(serial: 5), by: stolen)
    #expect(!(try reader.read(Sample.manifest(serial: 5), by: successor).isNews))
    reader.keys = try Sample.trusted(successor)
    #expect(throws: ManifestRefusal.rollback(serial: 4, floor: 5)) {
      try reader.read(Sample.manifest(serial: 4), by: successor)
    }
  }

  @Test func `a dropped key's floor is there again when the key is`() throws {
    var reader = try Reader(stolen)
    try reader.read(Sample.manifest(serial: 9), by: stolen)
    reader.keys = try Sample.trusted(successor)
    try reader.read(Sample.manifest(serial: 1), by: successor)
    reader.keys = try Sample.trusted(stolen)
    #expect(throws: ManifestRefusal.rollback(serial: 8, floor: 9)) {
      try reader.read(Sample.manifest(serial: 8), by: stolen)
    }
  }
}
