import ReleaseFeeds
import Testing
import WindlassCore
import WindlassWire

@Suite struct ManifestTests {
  private func manifest(_ document: JSONValue = Sample.manifest()) throws -> Manifest {
    try Manifest(Sample.verified(document, by: .generate()))
  }

  @Test func `the header is read`() throws {
    let manifest = try manifest()
    #expect(manifest.service == "beacon")
    #expect(manifest.serial == 42)
    #expect(manifest.expires == Sample.expires)
    #expect(manifest.isFresh(at: Sample.expires + .milliseconds(-1)))
    #expect(!manifest.isFresh(at: Sample.expires))
  }

  @Test func `a release has everything that the document says of it`() throws {
    let release = try #require(try manifest().releases(engine: "sqlite").last)
    let expected = Release(
      version: Version(1, 1, 0), channel: "stable",
      published: try #require(Timestamp(rfc3339: "2025-11-20T10:00:00Z")), severity: "normal",
      notes: "Flags can be **scheduled**.", upgradeFrom: VersionRange(">=1.0.0 <1.1.0"),
      artifact: ArchiveReference(
        url: "https://releases.example/beacon-1.1.0.tar.gz", digest: Digest(Sample.digest("ab")),
        size: 9_000_000),
      image: "registry.example/beacon@sha256:\(Sample.digest("0f"))",
      window: try #require(SchemaWindow(min: 3, max: 5)),
      migrations: [
        Migration(version: 3, phase: .expand), Migration(version: 4, phase: .backfill),
        Migration(version: 5, phase: .contract),
      ],
      migrationArchive: ArchiveReference(
        url: "https://releases.example/migrations-1.1.0.tar.gz",
        digest: Digest(Sample.digest("cd")), size: 9_000_000),
      queries: QueriesReference(
        url: "https://releases.example/queries.json", digest: Digest(Sample.digest("ef"))),
      probes: [
        Probe(
          name: "evaluate", method: "POST", path: "/api/v1/evaluate", body: "{}",
          expectedStatus: 200, expectedValues: ["/enabled": "true"],
          captures: ["key": "/flag/key"], isSafe: true)
      ])
    #expect(release == expected)
  }

  @Test func `what is left out has its default`() throws {
    let release = try #require(try manifest().releases.first)
    #expect(release.channel == "stable")
    #expect(release.severity == "normal")
    #expect(release.notes.isEmpty)
    #expect(release.yank == nil)
    #expect(release.upgradeFrom == nil)
    #expect(!release.isRequiredStop)
    #expect(release.probes.isEmpty)
  }

  @Test func `a release without the engine is left out`() throws {
    let manifest = try manifest()
    #expect(
      manifest.releases(engine: "sqlite").map(\.version) == [Version(1, 0, 0), Version(1, 1, 0)])
    #expect(manifest.releases(engine: "postgres").map(\.version) == [Version(1, 1, 0)])
    #expect(manifest.releases(engine: "mysql").isEmpty)
  }

  @Test func `releases come in the order of their versions, not of the document`() throws {
    let document = Sample.manifest(releases: [Sample.release, Sample.earlier])
    #expect(try manifest(document).releases.map(\.version) == [Version(1, 0, 0), Version(1, 1, 0)])
  }

  @Test func `a withdrawn release says why, and what to do`() throws {
    let yanked: JSONValue = ["reason": "loses writes", "remedy": "use 1.1.1"]
    let document = Sample.manifest().setting("/releases/1/yanked", to: yanked)
    #expect(
      try manifest(document).releases.last?.yank
        == Yank(reason: "loses writes", remedy: "use 1.1.1"))
  }

  @Test func `unknown fields are ignored`() throws {
    var document = Sample.manifest()
    for place in ["", "/releases/1", "/releases/1/artifact", "/releases/1/schema/sqlite"] {
      document = document.setting("\(place)/__proto__", to: ["deep": [1, 2]])
    }
    #expect(try manifest(document).releases == manifest().releases)
  }

  @Test func `a manifest without releases is one`() throws {
    #expect(try manifest(Sample.manifest(releases: [])).releases.isEmpty)
  }

  @Test func `the core gets the digest of the exact bytes`() throws {
    let manifest = try manifest()
    let offer = manifest.offer(engine: "sqlite")
    #expect(offer.manifest == manifest.document.digest)
    #expect(offer.serial == 42)
    #expect(offer.releases.count == 2)
  }
}

/// One rule broken at a time: where, by what, and the field that the error names.
struct Breach: Sendable, CustomTestStringConvertible {
  var pointer: String
  var value: JSONValue?
  var path: String

  init(_ pointer: String, _ value: JSONValue?, _ path: String? = nil) {
    self.pointer = pointer
    self.value = value
    self.path = path ?? Breach.path(of: pointer)
  }

  var testDescription: String { "\(pointer) = \(value?.text ?? "nothing")" }

  /// The way that an error writes a pointer.
  static func path(of pointer: String) -> String {
    pointer.split(separator: "/").reduce("") { path, token in
      if Int(token) != nil { return "\(path)[\(token)]" }
      return path.isEmpty ? String(token) : "\(path).\(token)"
    }
  }
}

@Suite struct ManifestRuleTests {
  @Test(arguments: [
    Breach("/apiVersion", nil), Breach("/apiVersion", "windlass.dev/v2"), Breach("/apiVersion", 1),
    Breach("/kind", nil), Breach("/kind", "ReleaseList"),
    Breach("/service", nil), Breach("/service", ""), Breach("/service", "../beacon"),
    Breach("/service", "be acon"),
    Breach("/serial", nil), Breach("/serial", 0), Breach("/serial", -1), Breach("/serial", "42"),
    Breach("/serial", .double(42)), Breach("/serial", .integer(1 << 53)),
    Breach("/serial", .integer(.max)), Breach("/serial", .double(1e300)),
    Breach("/expires", nil), Breach("/expires", "tomorrow"), Breach("/expires", 1_764_000_000),
    Breach("/releases", nil), Breach("/releases", [:]), Breach("/releases/0", "1.0.0"),
  ]) func `a broken header names its field`(breach: Breach) throws {
    try check(breach)
  }

  @Test(arguments: [
    Breach("version", nil), Breach("version", "1.1"), Breach("version", "v1.1.0"),
    Breach("version", "01.1.0"), Breach("channel", ""), Breach("channel", "a b"),
    Breach("channel", 1), Breach("published", nil), Breach("published", "2025-11-20"),
    Breach("notes", 1), Breach("severity", "\u{1b}[31m"), Breach("yanked", true),
    Breach("yanked", ["reason": "x"], "yanked.remedy"),
    Breach("yanked", ["remedy": "x"], "yanked.reason"),
    Breach("yanked", ["reason": " ", "remedy": "x"], "yanked.reason"),
    Breach("upgradeFrom", ">>1"), Breach("upgradeFrom", ""), Breach("requiredStop", "no"),
    Breach("artifact", nil), Breach("artifact", [:]),
    Breach("artifact/image", "beacon@sha256:abc"), Breach("artifact/image", "-flag"),
    Breach("artifact/image", "a b"), Breach("artifact/archive/url", nil),
    Breach("artifact/archive/url", "beacon.tar.gz"),
    Breach("artifact/archive/url", "ftp://releases.example/a"),
    Breach("artifact/archive/url", "https://"), Breach("artifact/archive/url", "https:///a"),
    Breach("artifact/archive/url", "https://user:secret@releases.example/a"),
    Breach("artifact/archive/url", "https://releases.example/a b"),
    Breach(
      "artifact/archive/url",
      .string("https://a.example/" + String(repeating: "x", count: Bounds.urlLengthMax))),
    Breach("artifact/archive/sha256", nil), Breach("artifact/archive/sha256", "abc"),
    Breach("artifact/archive/sha256", .string(Sample.digest("AB"))),
    Breach("artifact/archive/size", nil), Breach("artifact/archive/size", 0),
    Breach("artifact/archive/size", -1), Breach("artifact/archive/size", .integer(1 << 40)),
    Breach("artifact/archive/size", .double(4.5)),
  ]) func `a broken release names its field`(breach: Breach) throws {
    try check(inRelease: breach)
  }

  @Test(arguments: [
    Breach("schema", nil), Breach("schema", [:]), Breach("schema/sqlite", 3),
    Breach("schema/sqlite/min", nil), Breach("schema/sqlite/max", nil),
    Breach("schema/sqlite/min", 6, "schema.sqlite"), Breach("schema/sqlite/min", -1),
    Breach("schema/sqlite/max", .integer(1 << 53)),
    Breach("schema/my sql", ["min": 1, "max": 1], #"schema["my sql"]"#),
    Breach("migrations/mysql", ["expand": []]), Breach("migrations", []),
    Breach("migrations/sqlite/archive", nil),
    Breach("migrations/sqlite/archive/sha256", "x"),
    Breach("migrations/sqlite/expand", 3),
    Breach("migrations/sqlite/expand", ["3"], "migrations.sqlite.expand[0]"),
    Breach("migrations/sqlite/expand", [3, 3], "migrations.sqlite.expand[1]"),
    Breach("migrations/sqlite/contract", [6, 5], "migrations.sqlite.contract[1]"),
    Breach("migrations/sqlite/backfill", [3], "migrations.sqlite"),
    Breach("migrations/sqlite/contract", [4], "migrations.sqlite"),
    Breach("migrations/sqlite/expand", [6], "migrations.sqlite"),
    Breach("migrations/sqlite/backfill", [6], "migrations.sqlite"),
    Breach(
      "queries/mysql", ["url": "https://a.example/q", "sha256": .string(Sample.digest("ef"))]),
    Breach("queries/sqlite/sha256", nil), Breach("queries/sqlite/url", "q.json"),
  ]) func `a broken schema, migration or query names its field`(breach: Breach) throws {
    try check(inRelease: breach)
  }

  @Test(arguments: [
    Breach("probes", [:]), Breach("probes/0/name", nil), Breach("probes/0/name", ""),
    Breach("probes/0/name", "two\nlines"), Breach("probes/0/method", "TRACE"),
    Breach("probes/0/method", "post"), Breach("probes/0/path", nil),
    Breach("probes/0/path", "http://elsewhere.example/"), Breach("probes/0/path", "//elsewhere"),
    Breach("probes/0/path", "/a b"), Breach("probes/0/expect", 200),
    Breach("probes/0/expect/status", 99), Breach("probes/0/expect/status", "200"),
    Breach("probes/0/expect/values", []),
    Breach("probes/0/expect/values/flag", 1), Breach("probes/0/capture", []),
    Breach("probes/0/capture/key", "flag"), Breach("probes/0/capture/key", 1),
    Breach("probes/0/capture/1", "/flag", "probes[0].capture.1"),
    Breach("probes/0/safe", "yes"),
    Breach("probes/1", ["name": "evaluate", "path": "/"], "probes[1].name"),
  ]) func `a broken probe names its field`(breach: Breach) throws {
    try check(inRelease: breach)
  }

  private func check(_ breach: Breach) throws {
    let document = Sample.manifest().setting(breach.pointer, to: breach.value)
    let error = try #require(try Sample.refusal(of: document))
    #expect(error.path == breach.path, "\(error)")
  }

  private func check(inRelease breach: Breach) throws {
    let document = Sample.manifest().setting("/releases/1/" + breach.pointer, to: breach.value)
    let error = try #require(try Sample.refusal(of: document))
    #expect(error.path == "releases[1].\(breach.path)", "\(error)")
  }

  @Test func `a format of another number has a code of its own`() throws {
    let document = Sample.manifest().setting("/apiVersion", to: "windlass.dev/v9")
    #expect(try Sample.refusal(of: document)?.code == .unknownFormat)
  }

  @Test func `a version that is listed twice is refused`() throws {
    let document = Sample.manifest(releases: [Sample.release, Sample.earlier, Sample.release])
    #expect(try Sample.refusal(of: document)?.path == "releases[2].version")
  }

  @Test func `a migration that an earlier release holds already is refused`() throws {
    let document = Sample.manifest().setting("/releases/0/migrations/sqlite/expand/2", to: 3)
    let error = try #require(try Sample.refusal(of: document))
    #expect(error.path == "releases[1.1.0].migrations.sqlite")
    #expect(error.message.contains("1.0.0"))
  }

  @Test func `two builds of one version may hold the same migrations`() throws {
    let other = Sample.release.setting("/version", to: "1.1.0+rebuilt")
    let document = Sample.manifest(releases: [Sample.earlier, Sample.release, other])
    #expect(try Sample.refusal(of: document) == nil)
  }

  @Test func `a migration below one of an earlier release is refused over a release without any`()
    throws
  {
    let middle = Sample.earlier.setting("/version", to: "1.0.5").setting("/migrations", to: nil)
    let late = Sample.earlier.setting("/version", to: "1.0.6")
      .setting("/migrations/sqlite/expand", to: [2])
    let document = Sample.manifest(releases: [Sample.earlier, middle, late])
    #expect(try Sample.refusal(of: document)?.path == "releases[1.0.6].migrations.sqlite")
  }

  @Test func `more releases than the bound are refused`() throws {
    let releases = (0...Bounds.releasesMax).map { number in
      Sample.earlier.setting("/version", to: .string("1.0.\(number)"))
        .setting("/migrations", to: nil)
    }
    #expect(try Sample.refusal(of: Sample.manifest(releases: releases))?.path == "releases")
    let fitting = Sample.manifest(releases: Array(releases.dropLast()))
    #expect(try Sample.refusal(of: fitting) == nil)
  }
}

/// Signed bytes that are no JSON document, or one that could mean two things.
@Suite struct HostileJSONTests {
  private static let good = Sample.manifest().text

  @Test(arguments: [
    ("nothing", ""), ("half a document", String(good.dropLast())), ("trailing bytes", good + "{}"),
    ("a byte order mark", "\u{FEFF}" + good),
    ("a name twice", good.replacing("\"serial\":42", with: "\"serial\":42,\"serial\":41")),
    (
      "a release's name twice",
      good.replacing("\"version\":", with: "\"version\":\"9.9.9\",\"version\":")
    ),
    ("a lone surrogate", good.replacing("beacon\"", with: "beacon\\ud800\"")),
    ("a number without end", good.replacing("\"serial\":42", with: "\"serial\":1e999")),
    ("not a number", good.replacing("\"serial\":42", with: "\"serial\":NaN")),
    (
      "a huge integer",
      good.replacing("\"serial\":42", with: "\"serial\":99999999999999999999999999")
    ),
    ("a leading zero", good.replacing("\"serial\":42", with: "\"serial\":042")),
    ("a comment", good + "// done"),
    ("a control character", good.replacing("Flags", with: "Fl\tags")),
  ]) func `is refused`(what: String, text: String) throws {
    try expectNotJSON(Array(text.utf8))
  }

  @Test func `invalid UTF-8 is refused`() throws {
    for bytes: [UInt8] in [[0xFF], [0xC0, 0xAF], [0xED, 0xA0, 0x80], [0xF4, 0x90, 0x80, 0x80]] {
      var document = Array(HostileJSONTests.good.utf8)
      let place = try #require(document.firstIndex(of: UInt8(ascii: "F")))
      document.replaceSubrange(place...place, with: bytes)
      try expectNotJSON(document)
    }
  }

  @Test func `nesting without end is refused`() throws {
    try expectNotJSON([UInt8](repeating: UInt8(ascii: "["), count: 100_000))
    try expectNotJSON(Array(String(repeating: "{\"a\":", count: 100_000).utf8))
  }

  @Test func `more members than the bound are refused`() throws {
    let members = (0...Bounds.jsonElementsMax).map { "\"\($0)\":0" }.joined(separator: ",")
    try expectNotJSON(Array("{\(members)}".utf8))
  }

  private func expectNotJSON(_ bytes: [UInt8]) throws {
    let key = SecretKey.generate()
    let document = try VerifiedDocument.verify(
      bytes, signature: key.sign(bytes, trustedComment: "test"), by: Sample.trusted(key))
    let error = #expect(throws: ManifestError.self) { try Manifest(document) }
    #expect(error?.code == .notJSON)
  }
}
