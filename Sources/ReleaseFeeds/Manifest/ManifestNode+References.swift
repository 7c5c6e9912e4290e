import WindlassCore
import WindlassWire

// Things outside the manifest that it points to, each pinned by a digest.
extension ManifestNode {
  /// An archive with its digest and its exact size.
  func archive() throws(ManifestError) -> ArchiveReference {
    let url = try required("url").url()
    let digest = try required("sha256").digest()
    let size = try required("size").whole(in: 1...Bounds.archiveSizeMax)
    return ArchiveReference(url: url, digest: digest, size: size)
  }

  /// A file of queries with its digest.
  func queries() throws(ManifestError) -> QueriesReference {
    QueriesReference(url: try required("url").url(), digest: try required("sha256").digest())
  }

  /// A SHA-256.
  func digest() throws(ManifestError) -> Digest {
    let digest = Digest(try text(max: Bounds.nameLengthMax))
    guard digest.isWellFormed else { throw error("must be 64 hexadecimal digits, lower case") }
    return digest
  }

  /// An absolute URL of a scheme that archives may come by. What may be connected to is decided
  /// when it is fetched; here it only has to be one, and to hold no name and password.
  func url() throws(ManifestError) -> String {
    let url = try text(max: Bounds.urlLengthMax)
    let schemes = ["https://", "http://", "file://"]
    guard let scheme = schemes.first(where: url.hasPrefix), url.utf8.count > scheme.utf8.count
    else { throw error("must be an absolute URL: https://…, http://… or file://…") }
    guard url.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else {
      throw error("must be printable ASCII without blanks; escape other characters with %")
    }
    let authority = url.dropFirst(scheme.utf8.count).prefix { !"/?#".contains($0) }
    guard !authority.contains("@") else {
      throw error("must not hold a user name or password; everyone can read a manifest")
    }
    guard scheme == "file://" || !authority.isEmpty else { throw error("names no host") }
    return url
  }

  /// A container image: `registry/name[:tag][@sha256:…]`.
  func image() throws(ManifestError) -> String {
    let image = try text(max: Bounds.urlLengthMax)
    let parts = image.split(separator: "@", omittingEmptySubsequences: false)
    let marks = Set("._-/:".unicodeScalars)
    guard let name = parts.first?.unicodeScalars, let first = name.first, parts.count <= 2,
      first.isASCIIAlphanumeric,
      name.allSatisfy({ $0.isASCIIAlphanumeric || marks.contains($0) })
    else { throw error("must be an image as in registry.example/name:tag@sha256:…") }
    if parts.count == 2 {
      guard parts[1].hasPrefix("sha256:"), Digest(String(parts[1].dropFirst(7))).isWellFormed
      else { throw error("must name its digest as @sha256: and 64 hexadecimal digits") }
    }
    return image
  }
}
