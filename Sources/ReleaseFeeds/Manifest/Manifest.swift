package import WindlassCore

/// A release manifest that a trusted key has signed.
package struct Manifest: Hashable, Sendable {
  /// The bytes that it was read from.
  package let document: VerifiedDocument
  private let content: ManifestContent

  /// Reads a document; every rule of the format is checked, and unknown fields are ignored.
  package init(_ document: VerifiedDocument) throws(ManifestError) {
    self.document = document
    content = try ManifestContent(document.bytes)
  }

  /// Whose releases these are.
  package var service: ServiceName { content.service }
  /// Grows with every version of the manifest.
  package var serial: Int64 { content.serial }
  /// From then on no new run starts on this manifest's word.
  package var expires: Timestamp { content.expires }
  /// Every release, ascending by version.
  package var releases: [ManifestRelease] { content.releases }
  /// The SHA-256 of the exact bytes; plans pin it.
  package var digest: Digest { document.digest }
  /// The key that signed.
  package var key: PublicKey { document.key }

  /// Whether a run may start on this manifest's word at that time.
  package func isFresh(at now: Timestamp) -> Bool { now < expires }

  /// The releases as that engine (`sqlite`, `postgres`, …) sees them, ascending; one that does
  /// not support the engine is left out.
  package func releases(engine: String) -> [Release] {
    releases.compactMap { $0.release(engine: engine) }
  }

  /// What the core decides on for a service with that engine.
  package func offer(engine: String) -> Offer {
    Offer(
      manifest: digest, serial: serial, releases: releases(engine: engine), expires: expires)
  }
}
