import Glibc
package import WindlassCore
package import WindlassWire

/// Artifacts and migration directories by digest, on this machine's disk.
///
/// What was unpacked is read-only and never changes; each use compares it with the digests that
/// were taken when it was unpacked.
package actor ArtifactDirectory: ArtifactStore {
  /// Where the directories are, one for each archive.
  package nonisolated let path: String
  private let transport: any HTTPTransport
  private let executor = BlockingExecutor(label: "windlass.artifacts")

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// Uses a directory, which is made when the first archive comes.
  package init(path: String, transport: any HTTPTransport) {
    self.path = Files.absolute(path)
    self.transport = transport
  }

  /// Where an archive's files are once it was prepared.
  package nonisolated func directory(of archive: ArchiveReference) -> String {
    "\(path)/\(archive.digest)"
  }

  /// Prepares everything that the release names: its artifact, its migrations, its queries.
  package func prepare(_ release: Release) async throws(StepFailure) {
    for archive in [release.artifact, release.migrationArchive].compactMap(\.self) {
      try await prepare(archive)
    }
    if let queries = release.queries { _ = try await bytes(of: queries) }
  }

  /// Fetches, verifies and unpacks one archive; one that is there already is verified.
  package func prepare(_ archive: ArchiveReference) async throws(StepFailure) {
    guard archive.digest.isWellFormed, (1...Bounds.archiveSizeMax).contains(archive.size) else {
      throw StepFailure(
        code: "BadArchive", disposition: .stop,
        message:
          "The archive \(archive.url) has a digest or size that can't be: \(archive.digest), "
          + "\(archive.size) bytes. Correct the manifest.")
    }
    if try verifyPresent(archive) { return }
    let download = try temporary()
    defer { unlink(download.path) }
    try await fetch(archive, into: download)
    try unpack(archive, from: download)
  }

  /// Opens a program of a prepared archive and verifies what was opened; execute it through the
  /// descriptor, and no swap of the file can change what runs.
  func open(_ name: String, of archive: ArchiveReference) throws(StepFailure) -> Descriptor {
    let index = try requireIndex(archive)
    do throws(ArtifactDamage) {
      return try index.open(name, in: directory(of: archive))
    } catch {
      throw damaged(archive, error)
    }
  }

  // MARK: What is there

  /// Whether the archive is there, whole and unchanged.
  private func verifyPresent(_ archive: ArchiveReference) throws(StepFailure) -> Bool {
    guard access(directory(of: archive), F_OK) == 0 else { return false }
    let index = try requireIndex(archive)
    do throws(ArtifactDamage) {
      try index.verify(directory(of: archive))
    } catch {
      throw damaged(archive, error)
    }
    return true
  }

  private func requireIndex(_ archive: ArchiveReference) throws(StepFailure) -> ArtifactIndex {
    let file = indexPath(archive)
    do {
      let bytes = try Files.read(file, limit: Bounds.artifactIndexSizeMax)
      let limits = JSONLimits(sizeMax: Bounds.artifactIndexSizeMax)
      return try ArtifactIndex(json: try JSONValue.parse(bytes, limits: limits))
    } catch {
      throw damaged(archive, ArtifactDamage(sentence: "its list of files is unusable (\(error))"))
    }
  }

  private nonisolated func indexPath(_ archive: ArchiveReference) -> String {
    "\(path)/\(archive.digest).files"
  }

  private func damaged(_ archive: ArchiveReference, _ damage: ArtifactDamage) -> StepFailure {
    StepFailure(
      code: "ArtifactChanged", disposition: .stop,
      message:
        "The unpacked archive \(directory(of: archive)) is not what was unpacked: "
        + "\(damage.sentence). Find out who writes there; delete the directory to have it "
        + "fetched again.")
  }

  // MARK: Fetching

  /// A new file beside the archives, under a name that the next process knows to be abandoned.
  func temporary() throws(StepFailure) -> OpenFile {
    do throws(SystemError) {
      try Files.makePrivateDirectory(path)
      removeLeftovers()
      let random = UInt64.random(in: .min ... .max)
      let name = "\(path)/\(ArtifactDirectory.temporaryPrefix)\(getpid())-\(random)"
      let flags = O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW
      return OpenFile(
        path: name,
        descriptor: try Descriptor.checked(Glibc.open(name, flags, 0o600), "open", name))
    } catch {
      throw error.failure(
        code: "ArtifactsUnwritable", next: "make the artifact directory \(path) writable")
    }
  }

  private static let temporaryPrefix = ".download-"

  /// Removes what processes left behind that died while they fetched or unpacked.
  private func removeLeftovers() {
    // Unreadable means that the next step fails with its own error.
    for name in (try? Files.names(in: path)) ?? [] {
      let prefix = ArtifactDirectory.temporaryPrefix
      guard name.hasPrefix(prefix),
        let pid = Int32(name.dropFirst(prefix.count).prefix { $0 != "-" }),
        pid != getpid(), kill(pid, 0) != 0, errno == ESRCH
      else { continue }
      Files.removeTree("\(path)/\(name)")
    }
  }

  private func fetch(_ archive: ArchiveReference, into file: OpenFile) async throws(StepFailure) {
    let sink = DownloadSink(file: file, limit: archive.size)
    try await transfer(archive.url, limit: archive.size, into: sink)
    let (digest, size) = sink.finish()
    guard size == archive.size, digest == archive.digest else {
      throw StepFailure(
        code: "DigestMismatch", disposition: .stop,
        message:
          "\(archive.url) is not the file that the manifest names: it has \(size) bytes and "
          + "SHA-256 \(digest), and should have \(archive.size) bytes and \(archive.digest). "
          + "Publish the right file, or a manifest with its digest.")
    }
  }

  /// Brings what is at a URL into the sink, as far as that takes it.
  ///
  /// - Parameter limit: bytes at most.
  func transfer(
    _ url: String, limit: Int64, into sink: DownloadSink
  ) async throws(StepFailure) {
    if url.hasPrefix("https:") || url.hasPrefix("http:") {
      try await download(url, limit: limit, into: sink)
    } else {
      try copy(url, into: sink)
    }
  }

  private func download(
    _ url: String, limit: Int64, into sink: DownloadSink
  ) async throws(StepFailure) {
    let limits = HTTPLimits(
      bodySizeMax: limit, deadline: Bounds.archiveTimeout,
      redirectsMax: Bounds.redirectsMax)
    let response: HTTPResponse
    do throws(HTTPError) {
      response = try await transport.stream(
        HTTPRequest(url: url), limits: limits, into: { try sink.take($0) })
    } catch {
      if let failure = sink.failure {
        throw failure.failure(code: "DownloadFailed", next: "\(url) was not stored")
      }
      // More came than there may be; what the sink counted says so.
      if error.code == .sinkFailed || error.code == .tooLarge { return }
      throw StepFailure(
        code: "DownloadFailed", disposition: error.isPermanent ? .stop : .retry,
        message: error.message)
    }
    guard response.status == 200 else {
      throw StepFailure(
        code: "DownloadFailed",
        disposition: (400...499).contains(response.status) ? .stop : .retry,
        message:
          "\(url) answered with status \(response.status) where the file should be. "
          + "Publish it there, or correct the manifest.")
    }
  }

  private func copy(_ url: String, into sink: DownloadSink) throws(StepFailure) {
    guard let source = ArtifactDirectory.filePath(url) else {
      throw StepFailure(
        code: "BadURL", disposition: .stop,
        message:
          "Nothing can be fetched from \(url): use https, http, file:///PATH or an absolute path.")
    }
    do throws(SystemError) {
      let flags = O_RDONLY | O_CLOEXEC
      let file = try Descriptor.checked(Glibc.open(source, flags), "open", source)
      var buffer = [UInt8](repeating: 0, count: 262_144)
      while true {
        let count = read(file.number, &buffer, buffer.count)
        if count < 0, errno == EINTR { continue }
        guard count >= 0 else { throw SystemError("read", source) }
        if count == 0 { return }
        let isWhole = try buffer.withUnsafeBytes { bytes in
          Result { () throws(SystemError) in
            try sink.store(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
          }
        }.get()
        // One byte too many is enough to know that it is another file.
        guard isWhole else { return }
      }
    } catch {
      throw error.failure(
        code: "DownloadFailed", next: "put the archive there, or correct the manifest",
        isPermanent: true)
    }
  }

  /// The path that a `file:` URL or a plain absolute path names.
  private static func filePath(_ url: String) -> String? {
    guard url.hasPrefix("file:") else { return url.hasPrefix("/") ? url : nil }
    var rest = url.dropFirst("file:".count)
    if rest.hasPrefix("//localhost/") { rest = rest.dropFirst("//localhost".count) }
    if rest.hasPrefix("///") { rest = rest.dropFirst(2) }
    guard rest.hasPrefix("/"), !rest.hasPrefix("//") else { return nil }
    return PercentEncoding.decoded(String(rest))
  }

  // MARK: Unpacking

  private func unpack(_ archive: ArchiveReference, from file: OpenFile) throws(StepFailure) {
    let staging = file.path + ".unpacked"
    defer {
      Files.removeTree(staging)
      Files.removeTree(ArtifactDirectory.list(beside: staging))
    }
    do throws(ArchiveRefusal) {
      guard mkdir(staging, 0o700) == 0, lseek(file.descriptor.number, 0, SEEK_SET) == 0 else {
        throw ArchiveRefusal(SystemError("mkdir", staging))
      }
      let index = try ArchiveUnpacker.unpack(
        file.descriptor, into: staging, limits: ArchiveUnpacker.Limits(packedSize: archive.size))
      try publish(archive, index, staging)
    } catch {
      throw error.shortage?.failure(
        code: "ArtifactsUnwritable", next: "\(archive.url) was not unpacked")
        ?? StepFailure(
          code: "ArchiveRefused", disposition: .stop,
          message:
            "The archive \(archive.url) is not unpacked: \(error.sentence). Publish an archive of "
            + "plain files and directories.")
    }
  }

  /// Where the list of files stands until it is published.
  private static func list(beside staging: String) -> String { staging + ".files" }

  /// Puts the list of files, and then the directory, in place; the directory's name is the sign
  /// that everything is there. Another daemon or command may do the same at this moment.
  private func publish(
    _ archive: ArchiveReference, _ index: ArtifactIndex, _ staging: String
  ) throws(ArchiveRefusal) {
    do throws(SystemError) {
      try Files.replace(
        indexPath(archive), with: index.json.bytes, mode: 0o444,
        through: ArtifactDirectory.list(beside: staging))
      let target = directory(of: archive)
      // Another preparation of the same archive may have been faster; its files are the same.
      guard rename(staging, target) == 0 || errno == EEXIST || errno == ENOTEMPTY else {
        throw SystemError("rename", target)
      }
      guard chmod(target, 0o555) == 0 else { throw SystemError("chmod", target) }
      try Files.synchronize(directory: path)
    } catch {
      throw ArchiveRefusal(error)
    }
  }
}

extension HTTPError {
  /// Whether asking again can't help.
  fileprivate var isPermanent: Bool {
    switch code {
    case .badURL, .schemeRefused, .addressRefused, .redirectRefused, .tooManyRedirects, .tooLarge,
      .headersTooLarge, .tlsRefused:
      true
    case .unresolved, .unreachable, .timedOut, .truncated, .cancelled, .sinkFailed, .other: false
    }
  }
}
