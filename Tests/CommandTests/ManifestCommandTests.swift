import Glibc
import ReleaseFeeds
import Testing
import WindlassCore
import WindlassWire

@testable import windlass

/// `windlass manifest` from an empty directory to a published manifest.
@Suite struct ManifestCommandTests {
  /// A publisher's desk: a directory with keys, archives and a manifest.
  private final class Desk: Sendable {
    let path: String

    init() throws {
      var template = Array("/tmp/windlass-manifest-XXXXXX".utf8CString)
      let made = template.withUnsafeMutableBufferPointer { buffer in
        buffer.baseAddress.flatMap { mkdtemp($0) }.map { String(cString: $0) }
      }
      path = try #require(made)
    }

    deinit { _ = system("rm -rf '\(path)'") }

    func file(_ name: String) -> String { "\(path)/\(name)" }

    func write(_ text: String, to name: String) throws {
      try RegularFile.replace(file(name), with: Array(text.utf8))
    }

    func read(_ name: String) throws -> [UInt8] {
      try RegularFile.read(file(name), sizeMax: 1_048_576)
    }

    /// Runs `windlass manifest` with the arguments, the manifest's path after the first.
    func run(_ command: String, _ arguments: String...) async -> windlass.ExitStatus {
      await Windlass.status(of: ["manifest", command, file("beacon.json")] + arguments)
    }

    func initialise(_ arguments: String...) async -> windlass.ExitStatus {
      await Windlass.status(
        of: [
          "manifest", "init", file("beacon.json"), "--service", "beacon",
          "--secret-key", file("key"), "--public-key", file("key.pub"),
        ] + arguments)
    }

    func add(_ version: String, _ arguments: String...) async -> windlass.ExitStatus {
      await Windlass.status(
        of: [
          "manifest", "add", file("beacon.json"), "--version", version,
          "--schema", "sqlite=2...4", "--archive", file("beacon.tar.gz"),
          "--base-url", "https://releases.example/beacon",
        ] + arguments)
    }

    func sign(_ arguments: String...) async -> windlass.ExitStatus {
      await Windlass.status(
        of: ["manifest", "sign", file("beacon.json"), "--secret-key", file("key")] + arguments)
    }

    func verified() throws -> Manifest {
      let key = String(decoding: try read("key.pub"), as: UTF8.self)
      return try Manifest(
        VerifiedDocument.verify(
          read("beacon.json"), signature: read("beacon.json.minisig"), by: TrustedKeys([key])))
    }
  }

  private let desk: Desk

  init() throws {
    desk = try Desk()
    try desk.write("the program", to: "beacon.tar.gz")
    try desk.write("the migrations", to: "migrations.tar.gz")
  }

  @Test func `a release goes from a file to a verified manifest`() async throws {
    #expect(await desk.initialise("--no-password") == .done)
    #expect(
      await desk.add(
        "1.0.0", "--migrations", "sqlite=\(desk.file("migrations.tar.gz"))",
        "--expand", "sqlite=1,2", "--notes", "First.", "--upgrade-from", ">=0.9.0 <1.0.0")
        == .done)
    #expect(await desk.run("lint") == .done)
    #expect(await desk.sign() == .done)
    #expect(await desk.run("verify", "--public-key", desk.file("key.pub")) == .done)
    let manifest = try desk.verified()
    let release = try #require(manifest.releases(engine: "sqlite").first)
    #expect(manifest.serial == 2)
    #expect(release.artifact?.url == "https://releases.example/beacon/beacon.tar.gz")
    #expect(release.artifact?.digest == Sodium.sha256(Array("the program".utf8)))
    #expect(release.artifact?.size == 11)
    #expect(release.migrationArchive?.digest == Sodium.sha256(Array("the migrations".utf8)))
    #expect(release.migrations.map(\.version) == [1, 2])
    #expect(release.notes == "First.")
    #expect(release.upgradeFrom == VersionRange(">=0.9.0 <1.0.0"))
  }

  @Test func `a release file may name its archives by path`() async throws {
    #expect(await desk.initialise("--no-password") == .done)
    try desk.write(
      """
      {"version": "2.0.0", "published": "2026-01-01T00:00:00Z",
       "artifact": {"archive": {"file": "beacon.tar.gz", "url": "https://a.example/b.tar.gz"}},
       "schema": {"sqlite": {"min": 1, "max": 2}},
       "migrations": {"sqlite": {"archive": {"file": "migrations.tar.gz"}, "expand": [1]}}}
      """, to: "release.json")
    #expect(
      await desk.run(
        "add", "--release", desk.file("release.json"), "--base-url", "https://b.example/")
        == .done)
    #expect(await desk.sign() == .done)
    let release = try #require(try desk.verified().releases(engine: "sqlite").first)
    #expect(release.artifact?.url == "https://a.example/b.tar.gz")
    #expect(release.artifact?.size == 11)
    #expect(release.migrationArchive?.url == "https://b.example/migrations.tar.gz")
  }

  @Test func `a changed manifest does not verify, and is not signed under its old serial`()
    async throws
  {
    #expect(await desk.initialise("--no-password") == .done)
    #expect(await desk.sign() == .done)
    let original = String(decoding: try desk.read("beacon.json"), as: UTF8.self)
    try desk.write(original + "\n", to: "beacon.json")
    #expect(await desk.run("verify", "--public-key", desk.file("key.pub")) == .failed)
    #expect(await desk.sign() == .failed)
    #expect(await desk.sign("--renew", "30d") == .done)
    #expect(try desk.verified().serial == 2)
  }

  @Test func `a manifest signed again as it is stays as it is`() async throws {
    #expect(await desk.initialise("--no-password") == .done)
    #expect(await desk.sign() == .done)
    #expect(await desk.sign() == .done)
    #expect(try desk.verified().serial == 1)
  }

  @Test func `an encrypted key signs with its password alone`() async throws {
    try desk.write("open sesame\n", to: "password")
    try desk.write("wrong\n", to: "wrong")
    let key = SecretKey.generate()
    let file = try key.file(password: Secret("open sesame"), cost: .interactive)
    #expect(await desk.initialise("--no-password") == .done)
    try desk.write(file, to: "key")
    try desk.write(key.publicKey.file, to: "key.pub")
    #expect(await desk.sign("--password-from", "file:\(desk.file("wrong"))") == .usage)
    #expect(await desk.sign("--password-from", "open sesame") == .usage)
    #expect(await desk.sign("--password-from", "file:\(desk.file("password"))") == .done)
    #expect(try desk.verified().key == key.publicKey)
  }

  @Test func `what breaks a rule is not added, and nothing changes`() async throws {
    #expect(await desk.initialise("--no-password") == .done)
    let before = try desk.read("beacon.json")
    #expect(await desk.add("one") == .usage)
    #expect(await desk.add("1.0.0", "--expand", "sqlite=1") == .usage)
    #expect(await desk.add("1.0.0", "--schema", "sqlite=4-2") == .usage)
    #expect(await desk.add("1.0.0", "--queries", "sqlite=\(desk.file("missing.json"))") == .usage)
    try desk.write("SELECT 1", to: "queries.json")
    #expect(await desk.add("1.0.0", "--queries", "sqlite=\(desk.file("queries.json"))") == .usage)
    try desk.write(Self.queries, to: "queries.json")
    #expect(await desk.add("1.0.0", "--queries", "mysql=\(desk.file("queries.json"))") == .usage)
    #expect(try desk.read("beacon.json") == before)
  }

  private static let queries = """
    {"apiVersion": "windlass.dev/v1", "kind": "RecordedQueries", "engine": "sqlite",
     "queries": [{"sql": "SELECT 1"}]}
    """

  private static let script = """
    -- windlass: queries engine=sqlite
    -- windlass: query
    SELECT 1;
    """

  @Test(arguments: [("queries.json", queries), ("queries.sql", script)])
  func `a file of queries is named with its digest, which pins it`(
    name: String, text: String
  ) async throws {
    try desk.write(text, to: name)
    #expect(await desk.initialise("--no-password") == .done)
    #expect(
      await desk.add(
        "1.0.0", "--migrations", "sqlite=\(desk.file("migrations.tar.gz"))",
        "--expand", "sqlite=1,2", "--queries", "sqlite=\(desk.file(name))") == .done)
    #expect(await desk.sign() == .done)
    let release = try #require(try desk.verified().releases(engine: "sqlite").first)
    #expect(
      release.queries
        == QueriesReference(
          url: "https://releases.example/beacon/\(name)",
          digest: Sodium.sha256(Array(text.utf8))))
  }

  @Test func `nothing that exists is overwritten by a new key pair`() async throws {
    try desk.write("precious", to: "key")
    #expect(await desk.initialise("--no-password") == .usage)
    #expect(try desk.read("key") == Array("precious".utf8))
    #expect(!RegularFile.exists(desk.file("beacon.json")))
  }

  @Test func `the secret key is its owner's alone`() async throws {
    #expect(await desk.initialise("--no-password") == .done)
    var status = stat()
    #expect(stat(desk.file("key"), &status) == 0)
    #expect(status.st_mode & 0o777 == 0o600)
  }

  @Test func `wrong files and keys end with the right code`() async throws {
    #expect(await desk.run("lint") == .usage)
    #expect(await desk.initialise("--no-password") == .done)
    #expect(await desk.run("verify", "--public-key", desk.file("key.pub")) == .failed)
    #expect(await desk.sign() == .done)
    #expect(await desk.run("verify", "--public-key", "RWnonsense") == .usage)
    #expect(
      await desk.run("verify", "--public-key", SecretKey.generate().publicKey.text) == .failed)
    #expect(
      await desk.run("verify", "--public-key", desk.file("key.pub"), "--service", "lantern")
        == .failed)
    try desk.write("{}", to: "beacon.json")
    #expect(await desk.run("lint") == .failed)
    #expect(await desk.sign() == .failed)
  }
}
