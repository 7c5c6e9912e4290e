import ReleaseFeeds
import Testing
import WindlassCore
import WindlassWire

@Suite struct ManifestBuilderTests {
  @Test func `what is built and signed is read by who trusts the key`() throws {
    let key = SecretKey.generate()
    let builder = ManifestBuilder(
      service: "beacon", serial: 7, expires: Sample.expires,
      releases: [Sample.earlier, Sample.release])
    let signed = try builder.signed(by: key)
    let document = try VerifiedDocument.verify(
      signed.bytes, signature: signed.signature, by: Sample.trusted(key))
    #expect(document.trustedComment == "service:beacon serial:7")
    #expect(try Manifest(document).releases.count == 2)
  }

  @Test func `what breaks a rule is not signed`() throws {
    let builder = ManifestBuilder(
      service: "beacon", expires: Sample.expires, releases: [["version": "one"]])
    #expect(throws: ManifestError.self) { try builder.signed(by: .generate()) }
  }

  @Test func `editing keeps fields that are not known`() throws {
    let original = Sample.manifest().setting("/x-note", to: "kept")
      .setting("/releases/0/x-note", to: "kept too")
    var builder = try ManifestBuilder(editing: original.bytes)
    builder.serial += 1
    builder.expires = Sample.expires + .hours(1)
    builder.releases.append(
      Sample.release.setting("/version", to: "2.0.0").setting("/migrations", to: nil))
    let document = try JSONValue.parse(builder.bytes())
    #expect(document["x-note"] == "kept")
    #expect(document["releases"]?.array?.first?["x-note"] == "kept too")
    #expect(document["serial"] == 43)
    #expect(document["expires"] == .string((Sample.expires + .hours(1)).rfc3339))
    #expect(document["releases"]?.array?.count == 3)
  }
}

@Suite struct ManifestLintTests {
  private func findings(_ document: JSONValue) -> [ManifestFinding] {
    ManifestLint.findings(in: document.prettyBytes, at: Sample.now)
  }

  @Test func `every broken release is found at once, errors first`() throws {
    let document = Sample.manifest()
      .setting("/releases/0/artifact", to: nil)
      .setting("/releases/1/requiredStop", to: "no")
      .setting("/releases/1/upgradefrom", to: ">=1.0.0")
    let findings = findings(document)
    #expect(
      findings.map(\.path) == [
        "releases[0].artifact", "releases[1].requiredStop", "releases[1].upgradefrom",
      ])
    #expect(findings.map(\.severity) == [.error, .error, .warning])
  }

  @Test func `a good manifest has only doubts that are meant`() {
    // The earlier release has no probes.
    #expect(findings(Sample.manifest()).map(\.path) == ["releases[0].probes"])
  }

  @Test(arguments: [
    Breach("/expires", "2020-01-01T00:00:00Z", "expires"),
    Breach("/seriall", 1, "seriall"),
    Breach(
      "/releases/1/yanked", ["reason": "a", "remedy": "b", "since": "c"], "releases[1].yanked.since"
    ),
    Breach(
      "/releases/1/artifact/image", "registry.example/beacon:1.1.0", "releases[1].artifact.image"),
    Breach("/releases/1/artifact/archive/md5", "x", "releases[1].artifact.archive.md5"),
    Breach("/releases/1/schema/sqlite/max", 4, "releases[1].schema.sqlite"),
    Breach("/releases/0/schema/sqlite/max", 3, "releases[1].migrations.sqlite"),
    Breach("/releases/1/migrations/sqlite/expnd", [9], "releases[1].migrations.sqlite.expnd"),
    Breach("/releases/1/queries/sqlite/md5", "x", "releases[1].queries.sqlite.md5"),
    Breach("/releases/1/probes/0/expects", [:], "releases[1].probes[0].expects"),
    Breach("/releases/1/probes/0/expect/code", 1, "releases[1].probes[0].expect.code"),
  ]) func `a doubt names its field`(breach: Breach) {
    let findings = findings(Sample.manifest().setting(breach.pointer, to: breach.value))
    #expect(findings.contains { $0.path == breach.path && $0.severity == .warning })
    #expect(findings.allSatisfy { $0.severity == .warning })
  }

  @Test func `what is no JSON is one error`() {
    let findings = ManifestLint.findings(in: Array("{".utf8), at: Sample.now)
    #expect(findings.map(\.severity) == [.error])
  }
}

/// The JSON Schema that publishers' editors use says what the code says.
@Suite struct ManifestSchemaTests {
  private let schema: JSONValue

  init() throws {
    let tests = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
    let path = "/\(tests)/Sources/ReleaseFeeds/ReleaseManifest.schema.json"
    schema = try JSONValue.parse(RegularFile.read(path, sizeMax: 1_048_576))
  }

  private func names(_ pointer: String) throws -> [String] {
    let properties = try #require(schema.value(at: pointer + "/properties")?.object)
    return properties.map(\.name)
  }

  @Test func `it has exactly the fields that are read`() throws {
    #expect(try names("") == ManifestFields.manifest)
    for (definition, fields) in [
      ("release", ManifestFields.release), ("yanked", ManifestFields.yanked),
      ("artifact", ManifestFields.artifact), ("archive", ManifestFields.archive),
      ("window", ManifestFields.window), ("migrations", ManifestFields.migrations),
      ("queries", ManifestFields.queries), ("probe", ManifestFields.probe),
      ("expectation", ManifestFields.expectation),
    ] {
      #expect(try names("/$defs/\(definition)") == fields, "\(definition)")
    }
  }

  @Test func `what it requires is required`() throws {
    let manifest = Sample.manifest()
    for (definition, place) in [
      ("", ""), ("/$defs/release", "/releases/1"),
      ("/$defs/archive", "/releases/1/artifact/archive"),
      ("/$defs/window", "/releases/1/schema/sqlite"),
      ("/$defs/queries", "/releases/1/queries/sqlite"), ("/$defs/probe", "/releases/1/probes/0"),
    ] {
      let required = schema.value(at: definition + "/required")?.array?.compactMap(\.string) ?? []
      #expect(!required.isEmpty)
      for name in manifest.value(at: place)?.object?.map(\.name) ?? [] {
        let refusal = try Sample.refusal(of: manifest.setting("\(place)/\(name)", to: nil))
        let isMissing = refusal?.message == "is missing"
        #expect(isMissing == required.contains(name), "\(place)/\(name)")
      }
    }
  }

  @Test func `its bounds are those of the code`() throws {
    #expect(schema.value(at: "/properties/serial/maximum")?.integer == Bounds.serialLimit - 1)
    #expect(
      schema.value(at: "/$defs/url/maxLength")?.integer == Int64(Bounds.urlLengthMax))
    #expect(schema.value(at: "/properties/releases/maxItems")?.integer == Int64(Bounds.releasesMax))
    #expect(
      schema.value(at: "/$defs/archive/properties/size/maximum")?.integer == Bounds.archiveSizeMax)
    #expect(
      schema.value(at: "/$defs/release/properties/probes/maxItems")?.integer
        == Int64(Bounds.probesMax))
  }
}
