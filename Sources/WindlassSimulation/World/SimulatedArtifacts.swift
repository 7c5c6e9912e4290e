import WindlassCore

/// Archives that are published, and what was unpacked of them.
struct SimulatedArtifacts {
  /// The digest of what each address serves; what has none can't be fetched.
  var published: [String: Digest] = [:]
  private var prepared: Set<Digest> = []
  private var changed: Set<Digest> = []

  /// Changes what was unpacked.
  mutating func tamper(_ digest: Digest) { changed.insert(digest) }

  /// Fetches and unpacks an archive, or looks at what is there of it.
  mutating func prepare(_ archive: ArchiveReference) throws(StepFailure) {
    guard !changed.contains(archive.digest) else {
      throw StepFailure(
        code: "ArtifactChanged", disposition: .stop, message: "\(archive.digest) was changed")
    }
    guard !prepared.contains(archive.digest) else { return }
    guard let digest = published[archive.url] else {
      throw StepFailure(
        code: "DownloadFailed", disposition: .retry, message: "\(archive.url) is not there")
    }
    guard digest == archive.digest else {
      throw StepFailure(
        code: "DigestMismatch", disposition: .stop,
        message: "\(archive.url) is not the file that the manifest names")
    }
    prepared.insert(archive.digest)
  }
}
