import Glibc
import Testing
import WindlassCore
import WindlassWire

@testable import ProcessFleet

@Suite(.serialized) final class ArtifactDirectoryTests {
  private let directory = TemporaryDirectory.make()
  private let artifacts: ArtifactDirectory

  init() {
    artifacts = ArtifactDirectory(path: directory + "/artifacts", transport: PlainTransport())
  }

  deinit { TemporaryDirectory.remove(directory) }

  private func shell(_ script: String) throws {
    try #require(Programs.run("/bin/sh", ["-ec", "cd \(directory); umask 022; \(script)"]) == 0)
  }

  /// The archive that the script has made as `a.tgz`, as a manifest would name it.
  private func archive(_ script: String) throws -> ArchiveReference {
    try shell(script)
    let (digest, size) = try ArchiveWriter.measure(directory + "/a.tgz")
    return ArchiveReference(url: directory + "/a.tgz", digest: digest, size: size)
  }

  /// What was published of the archives that were tried, temporary files included.
  private func published() throws -> [String] {
    try Files.names(in: directory + "/artifacts")
  }

  @Test func `an archive is unpacked read-only under its digest`() async throws {
    let archive = try archive(
      "mkdir -p t/bin; echo run > t/bin/p; chmod +x t/bin/p; echo hi > t/n; tar czf a.tgz -C t .")
    try await artifacts.prepare(archive)
    let unpacked = artifacts.directory(of: archive)
    #expect(unpacked == "\(directory)/artifacts/\(archive.digest)")
    #expect(String(contentsOfFile: unpacked + "/n") == "hi\n")
    #expect(try FileStatus(unpacked + "/n").permissions == 0o444)
    #expect(try FileStatus(unpacked + "/bin/p").permissions == 0o555)
    #expect(try FileStatus(unpacked + "/bin").permissions == 0o555)
    #expect(try FileStatus(unpacked).permissions == 0o555)
    #expect(try published() == ["\(archive.digest)", "\(archive.digest).files"])
  }

  @Test func `preparing again verifies what is there and fetches nothing`() async throws {
    let archive = try archive("mkdir t; echo hi > t/n; tar czf a.tgz -C t .")
    try await artifacts.prepare(archive)
    try shell("rm a.tgz")
    try await artifacts.prepare(archive)
  }

  /// A file of recorded queries, as a manifest would name it.
  private func queries(_ script: String) throws -> QueriesReference {
    try shell(script)
    let (digest, _) = try ArchiveWriter.measure(directory + "/q.json")
    return QueriesReference(url: directory + "/q.json", digest: digest)
  }

  @Test func `recorded queries are fetched once, and compared with their digest at each use`()
    async throws
  {
    let queries = try queries("echo '{}' > q.json")
    #expect(try await artifacts.bytes(of: queries) == Array("{}\n".utf8))
    #expect(try published() == ["\(queries.digest).queries"])
    try shell("rm q.json")
    #expect(try await artifacts.bytes(of: queries) == Array("{}\n".utf8))
    let stored = "\(directory)/artifacts/\(queries.digest).queries"
    try shell("chmod u+w \(stored); echo '[]' > \(stored)")
    let failure = await #expect(throws: StepFailure.self) {
      try await artifacts.bytes(of: queries)
    }
    #expect(failure?.code == "ArtifactChanged")
    #expect(failure?.disposition == .stop)
  }

  @Test(arguments: [
    ("echo more >> q.json", "DigestMismatch"), ("rm q.json", "DownloadFailed"),
    ("truncate -s 17000000 q.json", "DigestMismatch"),
  ])
  func `other queries than the manifest names are refused`(
    _ change: String, _ code: String
  ) async throws {
    let queries = try queries("echo '{}' > q.json")
    try shell(change)
    let failure = await #expect(throws: StepFailure.self) {
      try await artifacts.bytes(of: queries)
    }
    #expect(failure?.code == code)
    #expect(try published() == [])
  }

  @Test(arguments: [
    ("echo bad > $f", "has SHA-256"), ("rm $f", "is missing"),
    ("echo new > $(dirname $f)/new", "was not in the archive"),
    ("rm $f; ln -s /etc/passwd $f", "is neither a file nor a directory"),
    ("rm -f $(dirname $f).files", "list of files is unusable"),
  ])
  func `a change after unpacking is noticed`(_ change: String, _ complaint: String) async throws {
    let archive = try archive("mkdir t; echo hi > t/n; tar czf a.tgz -C t .")
    try await artifacts.prepare(archive)
    let unpacked = artifacts.directory(of: archive)
    try shell("chmod -R u+w \(unpacked); f=\(unpacked)/n; \(change)")
    let failure = await #expect(throws: StepFailure.self) { try await artifacts.prepare(archive) }
    #expect(failure?.code == "ArtifactChanged")
    #expect(failure?.disposition == .stop)
    #expect(failure?.message.contains(complaint) == true)
  }

  @Test(arguments: [
    ("printf x >> a.tgz", "DigestMismatch"), ("truncate -s -1 a.tgz", "DigestMismatch"),
    ("printf x | dd of=a.tgz bs=1 seek=20 conv=notrunc status=none", "DigestMismatch"),
    ("rm a.tgz", "DownloadFailed"),
  ])
  func `another file than the manifest names is refused`(
    _ change: String, _ code: String
  ) async throws {
    let archive = try archive("mkdir t; echo hi > t/n; tar czf a.tgz -C t .")
    try shell(change)
    let failure = await #expect(throws: StepFailure.self) { try await artifacts.prepare(archive) }
    #expect(failure?.code == code)
    #expect(try published() == [])
  }

  @Test(arguments: [
    ("ln -s /etc t/l", "tar czf a.tgz -C t .", "is a link"),
    ("echo x > t/a; ln t/a t/b", "tar czf a.tgz -C t .", "is a link"),
    ("mkfifo t/f", "tar czf a.tgz -C t .", "is neither a file nor a directory"),
    ("echo x > t/s; chmod u+s t/s", "tar czf a.tgz -C t .", "setuid"),
    ("echo x > t/s; chmod g+s t/s", "tar czf a.tgz -C t .", "setuid"),
    ("echo x > y", "cd t; tar czPf ../a.tgz ../y", "leads out"),
    ("echo x > t/x", "tar czPf a.tgz $PWD/t/x", "is an absolute path"),
    ("echo x > t/x", "tar cf a.tar -C t x; tar rf a.tar -C t x; gzip -c a.tar > a.tgz", "twice"),
    ("true", "tar czf a.tgz -C t .", "holds no file"),
    ("echo x > t/x", "tar cf a.tgz -C t .", "not compressed by gzip"),
    ("true", "head -c 5000 /dev/urandom | gzip > a.tgz", "no gzip-compressed tar"),
    ("head -c 50000000 /dev/zero > t/z", "tar czf a.tgz -C t .", "unpacks to more than"),
  ])
  func `an archive of more than plain files is refused`(
    _ content: String, _ pack: String, _ complaint: String
  ) async throws {
    let archive = try archive("mkdir t; \(content); \(pack)")
    let failure = await #expect(throws: StepFailure.self) { try await artifacts.prepare(archive) }
    #expect(failure?.code == "ArchiveRefused")
    #expect(failure?.disposition == .stop)
    #expect(failure?.message.contains(complaint) == true, "\(failure?.message ?? "")")
    #expect(try published() == [])
    #expect(access(directory + "/y2", F_OK) != 0)
  }

  @Test func `an archive with too many entries is refused`() throws {
    try shell("mkdir t u; touch t/a t/b t/c; tar czf a.tgz -C t .")
    let file = try Descriptor.checked(open(directory + "/a.tgz", O_RDONLY), "open")
    var limits = ArchiveUnpacker.Limits(packedSize: 1_000)
    limits.entriesMax = 3
    let refusal = #expect(throws: ArchiveRefusal.self) {
      try ArchiveUnpacker.unpack(file, into: directory + "/u", limits: limits)
    }
    #expect(refusal?.sentence == "it has more than 3 entries")
  }

  @Test func `equal directories make equal archives`() throws {
    try shell(
      """
      mkdir -p one/d two/d; echo a | tee one/d/x > two/d/x; echo b | tee one/y > two/y
      chmod +x one/y two/y; touch -d @1 one/y; chmod 600 one/d/x
      """)
    let one = try ArchiveWriter.pack(directory + "/one", to: directory + "/1.tgz")
    let two = try ArchiveWriter.pack(directory + "/two", to: directory + "/2.tgz")
    #expect(one.digest == two.digest)
    #expect(one.size == two.size)
    try shell("chmod -x two/y")
    let three = try ArchiveWriter.pack(directory + "/two", to: directory + "/3.tgz")
    #expect(three.digest != one.digest)
  }

  @Test func `a link can't be packed`() throws {
    try shell("mkdir t; ln -s /etc/passwd t/l")
    let failure = #expect(throws: StepFailure.self) {
      try ArchiveWriter.pack(directory + "/t", to: directory + "/a.tgz")
    }
    #expect(failure?.code == "ArchiveNotWritten")
  }

  @Test func `an archive comes over HTTP, counted and verified`() async throws {
    try shell("mkdir t; echo hi > t/n; tar czf a.tgz -C t .")
    var archive = try archive("true")
    let bytes = try Files.read(directory + "/a.tgz", limit: 100_000)
    archive.url = "http://feed.test/a.tgz"
    let store = ArtifactDirectory(
      path: directory + "/artifacts", transport: CannedTransport(status: 200, body: bytes))
    try await store.prepare(archive)
    #expect(try published().count == 2)

    archive.digest = Digest(String(repeating: "0", count: 64))
    let wrong = await #expect(throws: StepFailure.self) { try await store.prepare(archive) }
    #expect(wrong?.code == "DigestMismatch")

    let endless = ArtifactDirectory(
      path: directory + "/artifacts",
      transport: CannedTransport(status: 200, body: bytes + bytes + bytes))
    let long = await #expect(throws: StepFailure.self) { try await endless.prepare(archive) }
    #expect(long?.code == "DigestMismatch")

    let missing = ArtifactDirectory(
      path: directory + "/artifacts", transport: CannedTransport(status: 404, body: []))
    let absent = await #expect(throws: StepFailure.self) { try await missing.prepare(archive) }
    #expect(absent?.message.contains("status 404") == true)
  }

  @Test func `a file URL names a file, escapes included`() async throws {
    var archive = try archive("mkdir t; echo hi > t/n; tar czf a.tgz -C t .; cp a.tgz 'a b.tgz'")
    archive.url = "file://\(directory)/a%20b.tgz"
    try await artifacts.prepare(archive)
    archive.digest = Digest(String(repeating: "0", count: 64))
    for url in ["file://example.org/a.tgz", "ftp://example.org/a.tgz", "a.tgz", "file:///a%00"] {
      archive.url = url
      let failure = await #expect(throws: StepFailure.self) {
        try await artifacts.prepare(archive)
      }
      #expect(failure?.code == "BadURL")
    }
  }

  @Test func `two that unpack the same archive at once both find it there`() async throws {
    let archive = try archive("mkdir t; echo hi > t/n; tar czf a.tgz -C t .")
    for round in 1...100 {
      let path = "\(directory)/round-\(round)"
      let stores = (0..<4).map { _ in
        ArtifactDirectory(path: path, transport: PlainTransport())
      }
      try await withThrowingTaskGroup(of: Void.self) { group in
        for store in stores { group.addTask { try await store.prepare(archive) } }
        try await group.waitForAll()
      }
      #expect(try Files.names(in: path) == ["\(archive.digest)", "\(archive.digest).files"])
    }
  }

  @Test func `what a dead process left behind is removed`() async throws {
    try shell("mkdir -p artifacts/.download-999999999-1.unpacked; chmod 700 artifacts")
    let archive = try archive("mkdir t; echo hi > t/n; tar czf a.tgz -C t .")
    try await artifacts.prepare(archive)
    #expect(try published() == ["\(archive.digest)", "\(archive.digest).files"])
  }

  @Test func `a program swapped after it was verified is not what runs`() async throws {
    let archive = try archive("mkdir t; echo good > t/p; chmod +x t/p; tar czf a.tgz -C t .")
    try await artifacts.prepare(archive)
    let opened = try await artifacts.open("p", of: archive)
    let unpacked = artifacts.directory(of: archive)
    try shell("chmod u+w \(unpacked); echo evil > p2; mv -f p2 \(unpacked)/p")
    #expect(try Files.read(opened, "p", limit: 100) == Array("good\n".utf8))
    let failure = await #expect(throws: StepFailure.self) {
      try await artifacts.open("p", of: archive)
    }
    #expect(failure?.code == "ArtifactChanged")
  }
}

/// A transport with one answer.
private struct CannedTransport: HTTPTransport {
  var status: Int
  var body: [UInt8]

  func send(
    _ request: HTTPRequest, limits: HTTPLimits
  ) async throws(HTTPError) -> HTTPResponse {
    HTTPResponse(status: status, body: body)
  }

  func stream(
    _ request: HTTPRequest, limits: HTTPLimits,
    into sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
  ) async throws(HTTPError) -> HTTPResponse {
    do {
      for byte in body { try [byte].withUnsafeBytes { try sink($0) } }
    } catch {
      throw HTTPError(.sinkFailed, "the sink refused the body")
    }
    return HTTPResponse(status: status)
  }
}
