import Glibc
package import WindlassCore

extension ArtifactDirectory {
  /// The bytes of a file of recorded queries: fetched and stored once, and compared with its digest
  /// at each use.
  package func bytes(of queries: QueriesReference) async throws(StepFailure) -> [UInt8] {
    guard queries.digest.isWellFormed else {
      throw StepFailure(
        code: "BadArchive", disposition: .stop,
        message: "The queries \(queries.url) have a digest that can't be: \(queries.digest)."
          + " Correct the manifest.")
    }
    let stored = "\(path)/\(queries.digest).queries"
    if access(stored, F_OK) == 0 { return try verified(stored, queries) }
    let download = try temporary()
    defer { unlink(download.path) }
    let sink = DownloadSink(file: download, limit: Int64(Bounds.queriesSizeMax))
    try await transfer(queries.url, limit: Int64(Bounds.queriesSizeMax), into: sink)
    let (digest, size) = sink.finish()
    guard digest == queries.digest else {
      throw StepFailure(
        code: "DigestMismatch", disposition: .stop,
        message:
          "\(queries.url) is not the file that the manifest names: it has \(size) bytes and "
          + "SHA-256 \(digest), and should have \(queries.digest), and at most "
          + "\(Bounds.queriesSizeMax) bytes. Publish the right file.")
    }
    do throws(SystemError) {
      let bytes = try Files.read(download.path, limit: Bounds.queriesSizeMax)
      try Files.replace(stored, with: bytes, mode: 0o444, through: download.path + ".queries")
      return bytes
    } catch {
      throw error.failure(
        code: "ArtifactsUnwritable", next: "make the artifact directory \(path) writable")
    }
  }

  private func verified(
    _ file: String, _ queries: QueriesReference
  ) throws(StepFailure) -> [UInt8] {
    let bytes: [UInt8]
    do throws(SystemError) {
      bytes = try Files.read(file, limit: Bounds.queriesSizeMax)
    } catch {
      throw error.failure(code: "ArtifactChanged", next: "delete \(file) to have it fetched again")
    }
    var digest = FileDigest()
    bytes.withUnsafeBytes { digest.update($0) }
    guard digest.finish() == queries.digest else {
      throw StepFailure(
        code: "ArtifactChanged", disposition: .stop,
        message: "The stored queries \(file) are not what was stored. Find out who writes there;"
          + " delete the file to have it fetched again.")
    }
    return bytes
  }
}
