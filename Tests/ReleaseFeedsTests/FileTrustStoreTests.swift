import Glibc
import ReleaseFeeds
import Testing
import WindlassCore
import WindlassWire

@Suite struct FileTrustStoreTests {
  private let scratch: Scratch
  private let store: FileTrustStore
  private let key = SecretKey.generate()

  init() throws {
    scratch = try Scratch()
    store = FileTrustStore(path: scratch("trust"))
  }

  private func state(serial: Int64 = 42) throws -> TrustState {
    let bytes = Sample.manifest(serial: serial).bytes
    let signature = try key.sign(bytes, trustedComment: "test")
    let document = try VerifiedDocument.verify(
      bytes, signature: signature, by: Sample.trusted(key))
    var state = try TrustState.empty.accept(
      document, of: Sample.service, keys: Sample.trusted(key), at: Sample.now
    ).state
    state.latest = RememberedDocument(bytes: bytes, signature: signature)
    return state
  }

  @Test func `a store without a file knows nothing`() async throws {
    #expect(try await store.load() == .empty)
  }

  @Test func `what was saved is there for the next process`() async throws {
    let state = try state()
    try await store.save(state)
    #expect(try await FileTrustStore(path: scratch("trust")).load() == state)
    let later = try self.state(serial: 43)
    try await store.save(later)
    #expect(try await FileTrustStore(path: scratch("trust")).load() == later)
  }

  @Test func `an older serial is refused after a restart`() async throws {
    try await store.save(try state(serial: 42))
    let recalled = try await FileTrustStore(path: scratch("trust")).load()
    let old = try Sample.verified(Sample.manifest(serial: 41), by: key)
    #expect(throws: ManifestRefusal.rollback(serial: 41, floor: 42)) {
      try recalled.accept(old, of: Sample.service, keys: Sample.trusted(key), at: Sample.now)
    }
  }

  @Test func `the file belongs to its owner alone, and no other file is left`() async throws {
    try await store.save(try state())
    #expect(scratch.run("test \"$(stat -c %a trust)\" = 600"))
    #expect(scratch.run("test \"$(ls | grep -v log)\" = trust"))
  }

  @Test func `every prefix of the file is refused`() async throws {
    try await store.save(try state())
    let bytes = try scratch.read("trust")
    for count in stride(from: 0, to: bytes.count, by: 7) {
      try scratch.write(Array(bytes.prefix(count)), to: "trust")
      await expectCorrupt()
    }
  }

  @Test func `a flipped bit anywhere in the file is refused`() async throws {
    try await store.save(try state())
    let bytes = try scratch.read("trust")
    for bit in stride(from: 0, to: bytes.count * 8, by: 61) {
      var changed = bytes
      changed[bit / 8] ^= 1 << (bit % 8)
      try scratch.write(changed, to: "trust")
      await expectCorrupt()
    }
  }

  private func expectCorrupt() async {
    do {
      _ = try await store.load()
      Issue.record("a damaged file was read")
    } catch {
      #expect(error.code == .corrupt)
    }
  }

  @Test func `a file that others may write is not read`() async throws {
    try await store.save(try state())
    #expect(chmod(scratch("trust"), 0o622) == 0)
    await expectUnreadable()
  }

  @Test func `a link is neither read nor written through`() async throws {
    try await store.save(try state())
    #expect(scratch.run("mv trust elsewhere && ln -s elsewhere trust && cp elsewhere copy"))
    await expectUnreadable()
    try await store.save(try state(serial: 43))
    #expect(scratch.run("cmp elsewhere copy && test ! -L trust"))
  }

  private func expectUnreadable() async {
    do {
      _ = try await store.load()
      Issue.record("an unfit file was read")
    } catch {
      #expect(error.code == .unreadable)
    }
  }

  @Test func `what a crash left behind is no hindrance`() async throws {
    try scratch.write([1, 2, 3], to: "trust.new")
    let state = try state()
    try await store.save(state)
    #expect(try await store.load() == state)
  }

  @Test func `a directory that is not there makes saving fail`() async throws {
    let nowhere = FileTrustStore(path: scratch("missing/trust"))
    do {
      try await nowhere.save(.empty)
      Issue.record("a file was saved in a directory that is not there")
    } catch {
      #expect(error.code == .unwritable)
      #expect(error.message.contains(scratch("missing/trust")))
    }
  }
}
