import ReleaseFeeds
import Synchronization
import Testing
import WindlassCore
import WindlassSimulation
import WindlassWire

/// Sets a poller up against a scripted server.
private final class Stage: Sendable {
  static let url = "https://releases.example/beacon.json"
  let key = SecretKey.generate()
  let transport = SimulatedTransport()
  let store = MemoryTrustStore()
  private let clock = Mutex(Sample.now)

  func poller(interval: Interval = .minutes(1)) throws -> ManifestPoller {
    ManifestPoller(
      source: .web(url: Stage.url), service: Sample.service, keys: try Sample.trusted(key),
      interval: interval, store: store, transport: transport, now: { [self] in now })
  }

  var now: Timestamp {
    get { clock.withLock { $0 } }
    set { clock.withLock { $0 = newValue } }
  }

  func publish(_ document: JSONValue, tag: String? = nil) throws {
    let signature = try key.sign(document.bytes, trustedComment: "test")
    let headers = tag.map { [HTTPHeader("etag", $0)] } ?? []
    transport.answer(
      Stage.url, HTTPResponse(status: 200, headers: headers, body: document.bytes))
    transport.answer(Stage.url + ".minisig", HTTPResponse(status: 200, body: signature))
  }
}

extension PollResult {
  fileprivate var news: Manifest? {
    if case .news(let manifest) = outcome { manifest } else { nil }
  }
  fileprivate var failure: PollFailure? {
    if case .failure(let failure) = outcome { failure } else { nil }
  }
}

@Suite struct ManifestPollerTests {
  private let stage = Stage()

  @Test func `the first manifest is news, and remembered before it is told`() async throws {
    try stage.publish(Sample.manifest())
    let result = try await stage.poller().poll()
    #expect(result.news?.serial == 42)
    #expect(result.manifest == result.news)
    #expect(result.isFresh)
    #expect(await stage.store.state.records.first?.serial == 42)
  }

  @Test func `the same bytes again are no news and need no signature`() async throws {
    try stage.publish(Sample.manifest())
    let poller = try stage.poller()
    _ = await poller.poll()
    let result = await poller.poll()
    #expect(result.outcome == .unchanged)
    #expect(result.manifest?.serial == 42)
    #expect(
      stage.transport.requests.map(\.url) == [Stage.url, Stage.url + ".minisig", Stage.url])
    #expect(await stage.store.saves == 1)
  }

  @Test func `a higher serial is news`() async throws {
    let poller = try stage.poller()
    try stage.publish(Sample.manifest(serial: 42))
    _ = await poller.poll()
    try stage.publish(Sample.manifest(serial: 43))
    #expect(await poller.poll().news?.serial == 43)
  }

  @Test func `a restarted poller tells the manifest again and saves nothing`() async throws {
    try stage.publish(Sample.manifest())
    _ = try await stage.poller().poll()
    #expect(try await stage.poller().poll().news?.serial == 42)
    #expect(await stage.store.saves == 1)
  }

  @Test func `a replayed manifest is refused after a restart, and the last one stays`() async throws
  {
    try stage.publish(Sample.manifest(serial: 42))
    _ = try await stage.poller().poll()
    try stage.publish(Sample.manifest(serial: 41))
    let poller = try stage.poller()
    let failure = try #require(await poller.poll().failure)
    #expect(failure.code == "RollbackAttack")
    #expect(failure.isAlarm)
    #expect(try await poller.remembered()?.serial == 42)
  }

  @Test func `a server that goes back and forth never moves the target back`() async throws {
    let poller = try stage.poller()
    var serials: [Int64?] = []
    for serial: Int64 in [42, 43, 42, 43, 42] {
      try stage.publish(Sample.manifest(serial: serial))
      serials.append(await poller.poll().manifest?.serial)
    }
    #expect(serials == [42, 43, 43, 43, 43])
  }

  @Test func `equal serials with other bytes raise the alarm at every poll`() async throws {
    let poller = try stage.poller()
    try stage.publish(Sample.manifest())
    _ = await poller.poll()
    try stage.publish(Sample.manifest().setting("/expires", to: "2031-01-01T00:00:00Z"))
    for _ in 0..<3 {
      let result = await poller.poll()
      #expect(result.failure?.code == "Equivocation")
      #expect(result.manifest?.expires == Sample.expires)
    }
  }

  @Test func `an expired manifest is no longer fresh at the next poll`() async throws {
    let poller = try stage.poller()
    try stage.publish(Sample.manifest())
    #expect(await poller.poll().isFresh)
    stage.now = Sample.expires
    let result = await poller.poll()
    #expect(result.outcome == .unchanged)
    #expect(!result.isFresh)
  }
}

/// Servers, networks and disks that do not do what they should.
@Suite struct ManifestPollerFaultTests {
  private let stage = Stage()

  @Test func `a page in place of the manifest is refused`() async throws {
    try stage.publish(Sample.manifest())
    stage.transport.answer(
      Stage.url, HTTPResponse(status: 200, body: Array("<html>maintenance</html>".utf8)))
    #expect(try await stage.poller().poll().failure?.code == "SignatureMismatch")
  }

  @Test func `a manifest cut short anywhere is refused, and the last one stays`() async throws {
    let poller = try stage.poller()
    try stage.publish(Sample.manifest())
    _ = await poller.poll()
    let bytes = Sample.manifest().bytes
    for count in stride(from: 0, to: bytes.count, by: 97) {
      stage.transport.answer(
        Stage.url, HTTPResponse(status: 200, body: Array(bytes.prefix(count))))
      let result = await poller.poll()
      #expect(result.failure?.code == "SignatureMismatch")
      #expect(result.manifest?.serial == 42)
    }
  }

  @Test func `a missing signature names its place`() async throws {
    try stage.publish(Sample.manifest())
    stage.transport.answer(Stage.url + ".minisig", HTTPResponse(status: 404))
    let failure = try #require(try await stage.poller().poll().failure)
    #expect(failure.code == "UnexpectedStatus")
    #expect(failure.message.contains("404"))
    #expect(failure.message.contains(Stage.url + ".minisig"))
  }

  @Test(arguments: [301, 401, 404, 429, 500, 503]) func `a status other than 200 is a failure`(
    status: Int
  ) async throws {
    try stage.publish(Sample.manifest())
    stage.transport.answer(Stage.url, HTTPResponse(status: status))
    #expect(try await stage.poller().poll().failure?.code == "UnexpectedStatus")
  }

  @Test func `an unreachable host leaves the last manifest in place`() async throws {
    let poller = try stage.poller()
    try stage.publish(Sample.manifest())
    _ = await poller.poll()
    stage.transport.serve(Stage.url, .fails(.unreachable))
    let result = await poller.poll()
    #expect(result.failure?.code == "TransferFailed")
    #expect(result.manifest?.serial == 42)
    #expect(result.isFresh)
  }

  @Test func `the tag of the last manifest is sent, and "not modified" is no news`() async throws {
    let poller = try stage.poller()
    try stage.publish(Sample.manifest(), tag: "\"one\"")
    _ = await poller.poll()
    stage.transport.answer(Stage.url, HTTPResponse(status: 304))
    #expect(await poller.poll().outcome == .unchanged)
    #expect(
      stage.transport.requests.last
        == HTTPRequest(url: Stage.url, headers: [HTTPHeader("If-None-Match", "\"one\"")]))
  }

  @Test func `"not modified" without a question is a failure`() async throws {
    stage.transport.answer(Stage.url, HTTPResponse(status: 304))
    #expect(try await stage.poller().poll().failure?.code == "UnexpectedStatus")
  }

  @Test func `a server that says "not modified" for ever is asked for everything in the end`()
    async throws
  {
    let poller = try stage.poller()
    try stage.publish(Sample.manifest(), tag: "\"one\"")
    _ = await poller.poll()
    stage.transport.answer(Stage.url, HTTPResponse(status: 304))
    for _ in 0..<Bounds.unmodifiedAnswersMax { #expect(await poller.poll().outcome == .unchanged) }
    try stage.publish(Sample.manifest(serial: 43), tag: "\"one\"")
    #expect(await poller.poll().news?.serial == 43)
    #expect(stage.transport.requests.dropLast().last?.headers.isEmpty == true)
  }

  @Test func `another manifest under the same tag is news all the same`() async throws {
    let poller = try stage.poller()
    try stage.publish(Sample.manifest(serial: 42), tag: "\"one\"")
    _ = await poller.poll()
    try stage.publish(Sample.manifest(serial: 43), tag: "\"one\"")
    #expect(await poller.poll().news?.serial == 43)
  }

  @Test func `a manifest is not told while it can't be remembered`() async throws {
    let poller = try stage.poller()
    try stage.publish(Sample.manifest(serial: 42))
    _ = await poller.poll()
    try stage.publish(Sample.manifest(serial: 43))
    await stage.store.fail(with: TrustStoreError(.unwritable, "the disk is full"))
    let result = await poller.poll()
    #expect(result.failure?.code == "TrustStateUnwritable")
    #expect(result.manifest?.serial == 42)
    await stage.store.fail(with: nil)
    #expect(await poller.poll().news?.serial == 43)
  }

  @Test func `nothing is fetched while the record of trust can't be read`() async throws {
    try stage.publish(Sample.manifest())
    await stage.store.fail(with: TrustStoreError(.corrupt, "the file is damaged"))
    #expect(try await stage.poller().poll().failure?.code == "TrustStateCorrupt")
    #expect(stage.transport.requests.isEmpty)
  }

  @Test func `a remembered manifest counts only while its key is trusted`() async throws {
    try stage.publish(Sample.manifest())
    _ = try await stage.poller().poll()
    #expect(try await stage.poller().remembered()?.serial == 42)
    let other = ManifestPoller(
      source: .web(url: Stage.url), service: Sample.service,
      keys: try Sample.trusted(SecretKey.generate()), interval: .minutes(1), store: stage.store,
      transport: stage.transport, now: { Sample.now })
    #expect(try await other.remembered() == nil)
  }
}

/// Manifests from a disk, with the same checks.
@Suite struct FileSourceTests {
  private let key = SecretKey.generate()
  private let scratch: Scratch
  private let poller: ManifestPoller

  init() throws {
    scratch = try Scratch()
    let source = try #require(ManifestSource("file://" + scratch("beacon.json")))
    poller = ManifestPoller(
      source: source, service: Sample.service, keys: try Sample.trusted(key),
      interval: .minutes(1), store: FileTrustStore(path: scratch("trust")),
      transport: SimulatedTransport(), now: { Sample.now })
  }

  private func publish(serial: Int64) throws {
    let bytes = Sample.manifest(serial: serial).bytes
    try scratch.write(bytes, to: "beacon.json")
    try scratch.write(key.sign(bytes, trustedComment: "test"), to: "beacon.json.minisig")
  }

  @Test func `a manifest from a file is news, then not, then replayed`() async throws {
    try publish(serial: 42)
    #expect(await poller.poll().news?.serial == 42)
    #expect(await poller.poll().outcome == .unchanged)
    try publish(serial: 41)
    #expect(await poller.poll().failure?.code == "RollbackAttack")
  }

  @Test func `a missing file says what is missing`() async throws {
    let failure = try #require(await poller.poll().failure)
    #expect(failure.code == "FileMissing")
    #expect(failure.message.contains(scratch("beacon.json")))
  }

  @Test func `a file larger than any manifest is not read`() async throws {
    try scratch.write(
      [UInt8](repeating: 0x20, count: Bounds.manifestSizeMax + 1), to: "beacon.json")
    #expect(await poller.poll().failure?.code == "FileUnreadable")
  }

  @Test func `a pipe in place of the manifest does not hold the poller`() async throws {
    #expect(scratch.run("mkfifo beacon.json"))
    #expect(await poller.poll().failure?.code == "FileUnreadable")
  }
}

@Suite struct ManifestSourceTests {
  @Test(arguments: [
    ("https://a.example/m.json", "https://a.example/m.json.minisig"),
    ("http://a.example/m.json?token=x#y", "http://a.example/m.json.minisig?token=x#y"),
  ]) func `a web source has its signature behind the path`(text: String, signature: String) {
    #expect(ManifestSource(text)?.signature == .web(url: signature))
  }

  @Test(arguments: [
    ("file:///srv/m.json", "/srv/m.json"), ("file:/srv/m.json", "/srv/m.json"),
    ("file:///srv/a%20b.json", "/srv/a b.json"), ("/srv/m.json", "/srv/m.json"),
    ("m.json", "m.json"),
  ]) func `a file source is a path or a file URL`(text: String, path: String) {
    #expect(ManifestSource(text) == .file(path: path))
    #expect(ManifestSource(text)?.signature == .file(path: path + ".minisig"))
  }

  @Test(arguments: [
    "", "ftp://a.example/m", "file://host/m.json", "file:m", "file:///a%0", "file:///a%00",
  ])
  func `anything else is no source`(text: String) {
    #expect(ManifestSource(text) == nil)
  }

  @Test(arguments: [
    "https://a.example/m?token=x", "https://user:pass@a.example/m", "https://u:p@ss@a.example/m#x",
  ]) func `a place tells neither a query nor a user`(text: String) {
    #expect(ManifestSource(text)?.place == "https://a.example/m")
  }
}
