package import WindlassCore
package import WindlassWire

/// Asks for a service's manifest, once per call, and tells what is new.
///
/// It neither waits nor starts anything: the caller waits as long as the result says. Transport,
/// store, clock and random generator come from outside.
package actor ManifestPoller {
  private let source: ManifestSource
  private let service: ServiceName
  private let keys: TrustedKeys
  private let store: any TrustStore
  private let transport: any HTTPTransport
  private let reach: HTTPReach
  private let now: @Sendable () -> Timestamp
  private let files = DocumentFiles()
  private var generator: any RandomNumberGenerator & Sendable

  private var pace: PollPace
  /// Loaded at the first poll.
  private var state: TrustState?
  /// The last manifest that was trusted and told of.
  private var manifest: Manifest?
  /// The tag that the server gave `manifest`; it saves a transfer and decides nothing.
  private var tag: String?
  /// Answers "not modified" in a row.
  private var unmodifiedAnswers = 0
  private var isPolling = false

  /// Makes a poller of one service's manifest.
  ///
  /// - Parameters:
  ///   - interval: the wait between two polls that go well.
  ///   - reach: which addresses may be connected to; the operator named the host, so any by
  ///     default.
  ///   - now: the time that expiry is judged by.
  package init(
    source: ManifestSource, service: ServiceName, keys: TrustedKeys, interval: Interval,
    store: any TrustStore, transport: any HTTPTransport, reach: HTTPReach = .anywhere,
    generator: any RandomNumberGenerator & Sendable = SystemRandomNumberGenerator(),
    now: @escaping @Sendable () -> Timestamp
  ) {
    self.source = source
    self.service = service
    self.keys = keys
    self.store = store
    self.transport = transport
    self.reach = reach
    self.generator = generator
    self.now = now
    pace = PollPace(interval: interval)
  }

  /// The manifest that was trusted last, before a restart as well; verified again by today's keys.
  ///
  /// Nil when nothing was, or when its key is no longer trusted. Needs no network.
  package func remembered() async throws(TrustStoreError) -> Manifest? {
    if let manifest { return manifest }
    guard let latest = try await loadedState().latest,
      // A document that today's keys or rules refuse is as good as none: the next poll brings one.
      let document = try? VerifiedDocument.verify(
        latest.bytes, signature: latest.signature, by: keys),
      let manifest = try? Manifest(document), manifest.service == service
    else { return nil }
    return manifest
  }

  /// Polls once. A call during another one says `unchanged` and asks nobody.
  package func poll() async -> PollResult {
    guard !isPolling else { return result(.unchanged) }
    isPolling = true
    defer { isPolling = false }
    let outcome: PollResult.Outcome
    do throws(PollFailure) {
      outcome = try await ask()
    } catch {
      outcome = .failure(error)
    }
    if case .failure = outcome { pace.note(isFailure: true) } else { pace.note(isFailure: false) }
    return result(outcome)
  }

  private func result(_ outcome: PollResult.Outcome) -> PollResult {
    PollResult(
      outcome: outcome, manifest: manifest, isFresh: manifest?.isFresh(at: now()) ?? false,
      nextPoll: pace.wait(using: &generator))
  }

  private func ask() async throws(PollFailure) -> PollResult.Outcome {
    let state: TrustState
    do throws(TrustStoreError) { state = try await loadedState() } catch { throw failure(error) }
    guard let answer = try await fetchManifest() else {
      unmodifiedAnswers += 1
      return .unchanged
    }
    unmodifiedAnswers = 0
    // The same bytes as those verified before need no signature again.
    if let manifest, manifest.document.bytes == answer.bytes {
      tag = answer.tag
      return .unchanged
    }
    let signature = try await fetchSignature()
    var acceptance = try accept(answer.bytes, signature: signature, state: state)
    acceptance.state.latest = RememberedDocument(bytes: answer.bytes, signature: signature)
    // Before anyone hears of it: what was acted on must be remembered after a crash.
    if acceptance.state != state {
      do throws(TrustStoreError) {
        try await store.save(acceptance.state)
      } catch { throw failure(error) }
      self.state = acceptance.state
    }
    manifest = acceptance.manifest
    tag = answer.tag
    return .news(acceptance.manifest)
  }

  private func accept(
    _ bytes: [UInt8], signature: [UInt8], state: TrustState
  ) throws(PollFailure) -> Acceptance {
    do throws(ManifestRefusal) {
      let document: VerifiedDocument
      do throws(SignatureRefusal) {
        document = try VerifiedDocument.verify(bytes, signature: signature, by: keys)
      } catch { throw ManifestRefusal.signature(error) }
      return try state.accept(document, of: service, keys: keys, at: now())
    } catch {
      throw PollFailure(
        code: error.code, message: "The manifest at \(source.place) was refused: \(error).",
        isAlarm: error.isAlarm)
    }
  }

  private func loadedState() async throws(TrustStoreError) -> TrustState {
    if let state { return state }
    let loaded = try await store.load()
    // Somebody else may have loaded and saved meanwhile; theirs is the newer one.
    if let state { return state }
    state = loaded
    return loaded
  }

  private func failure(_ error: TrustStoreError) -> PollFailure {
    PollFailure(code: error.code.rawValue, message: error.message)
  }

  // MARK: Fetching

  /// The manifest's bytes; nil when the server says that they are those we have.
  private func fetchManifest() async throws(PollFailure) -> (bytes: [UInt8], tag: String?)? {
    switch source {
    case .file(let path):
      return (try await files.read(path, sizeMax: Bounds.manifestSizeMax), nil)
    case .web(let url):
      // A server that answers "not modified" for ever is asked for everything now and then.
      let known = unmodifiedAnswers < Bounds.unmodifiedAnswersMax ? tag : nil
      let condition = known.map { [HTTPHeader("If-None-Match", $0)] } ?? []
      let response = try await send(url, headers: condition, sizeMax: Bounds.manifestSizeMax)
      if response.status == 304, known != nil { return nil }
      guard response.status == 200 else { throw unexpected(response, of: source) }
      return (response.body, response.header("ETag"))
    }
  }

  private func fetchSignature() async throws(PollFailure) -> [UInt8] {
    switch source.signature {
    case .file(let path): return try await files.read(path, sizeMax: Bounds.signatureSizeMax)
    case .web(let url):
      let response = try await send(url, headers: [], sizeMax: Bounds.signatureSizeMax)
      guard response.status == 200 else { throw unexpected(response, of: source.signature) }
      return response.body
    }
  }

  private func send(
    _ url: String, headers: [HTTPHeader], sizeMax: Int
  ) async throws(PollFailure) -> HTTPResponse {
    let limits = HTTPLimits(
      bodySizeMax: Int64(sizeMax), deadline: Bounds.manifestTimeout,
      redirectsMax: Bounds.redirectsMax, reach: reach)
    do throws(HTTPError) {
      return try await transport.send(HTTPRequest(url: url, headers: headers), limits: limits)
    } catch {
      throw PollFailure(code: "TransferFailed", message: error.message)
    }
  }

  private func unexpected(_ response: HTTPResponse, of source: ManifestSource) -> PollFailure {
    PollFailure(
      code: "UnexpectedStatus",
      message: "The server answered with status \(response.status) for \(source.place); check that"
        + " the URL is right and that manifest and signature are both published.")
  }
}

/// Reads a manifest's files away from the shared pool.
private actor DocumentFiles {
  private let executor = FileExecutor()

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  func read(_ path: String, sizeMax: Int) async throws(PollFailure) -> [UInt8] {
    do throws(FileError) {
      return try RegularFile.read(path, sizeMax: sizeMax)
    } catch {
      throw PollFailure(
        code: error.isMissing ? "FileMissing" : "FileUnreadable",
        message:
          "The manifest can't be read: \(error). Put manifest and signature (.minisig) there.")
    }
  }
}
