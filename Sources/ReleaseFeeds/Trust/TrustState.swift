package import WindlassCore

/// What was trusted for one service so far, kept across restarts.
///
/// Everything is kept by key, so that dropping a stolen key from the configuration drops what it
/// could spoil: its serials, and what it said about published versions (a manifest with the
/// highest serial there is would shut out every later one otherwise).
package struct TrustState: Hashable, Sendable {
  /// What one key signed.
  package struct Record: Hashable, Sendable {
    /// The public key's text.
    package var key: String
    /// The highest serial trusted.
    package var serial: Int64
    /// The manifest that had this serial.
    package var digest: Digest
    /// Every published version's fingerprint.
    package var published: [Version: Digest]
  }

  /// In the order of the keys' texts.
  package var records: [Record]
  /// The manifest trusted last; it is verified again before it is used again.
  package var latest: RememberedDocument?

  /// Nothing was trusted yet.
  package static let empty = TrustState(records: [], latest: nil)
}

/// A document with its signature, as they were fetched: not verified.
package struct RememberedDocument: Hashable, Sendable {
  /// The manifest.
  package var bytes: [UInt8]
  /// The signature file beside it.
  package var signature: [UInt8]

  /// Takes both as they came.
  package init(bytes: [UInt8], signature: [UInt8]) {
    self.bytes = bytes
    self.signature = signature
  }
}

/// A manifest that may be acted on once `state` is saved.
package struct Acceptance: Hashable, Sendable {
  /// The manifest that was read from the document.
  package var manifest: Manifest
  /// Whether it is another one than the manifest trusted last.
  package var isNews: Bool
  /// Whether it has not expired; no new run may start on one that has (invariant T3).
  package var isFresh: Bool
  /// What is to be remembered from now on.
  package var state: TrustState
}

extension TrustState {
  /// Decides about a document that one of `keys` signed.
  ///
  /// Pure. The floor is the highest serial over the keys that are trusted now; an equal serial
  /// must have equal bytes.
  package func accept(
    _ document: VerifiedDocument, of service: ServiceName, keys: TrustedKeys, at now: Timestamp
  ) throws(ManifestRefusal) -> Acceptance {
    let manifest: Manifest
    do throws(ManifestError) {
      manifest = try Manifest(document)
    } catch {
      throw .invalid(error)
    }
    guard manifest.service == service else {
      throw .wrongService(expected: service, found: manifest.service)
    }
    let trusted = records.filter { record in keys.keys.contains { $0.text == record.key } }
    let floor = trusted.map(\.serial).max() ?? 0
    guard manifest.serial >= floor else {
      throw .rollback(serial: manifest.serial, floor: floor)
    }
    let equals = trusted.filter { $0.serial == manifest.serial }
    guard equals.allSatisfy({ $0.digest == document.digest }) else {
      throw .equivocation(serial: manifest.serial)
    }
    let fingerprints = manifest.releases.map { ($0.version, $0.fingerprint) }
    for record in trusted {
      for (version, fingerprint) in fingerprints {
        guard let known = record.published[version], known != fingerprint else { continue }
        throw .changedRelease(version)
      }
    }
    return Acceptance(
      manifest: manifest, isNews: equals.isEmpty, isFresh: manifest.isFresh(at: now),
      state: remembering(manifest, fingerprints: fingerprints))
  }

  /// The state with this manifest as the latest; the signature's bytes are added by who has them.
  private func remembering(
    _ manifest: Manifest, fingerprints: [(Version, Digest)]
  ) -> TrustState {
    var record =
      records.first { $0.key == manifest.key.text }
      ?? Record(key: manifest.key.text, serial: 0, digest: manifest.digest, published: [:])
    record.serial = manifest.serial
    record.digest = manifest.digest
    record.published.merge(fingerprints) { _, new in new }
    // The lowest versions are the least likely to come back.
    let surplus = record.published.count - Bounds.publishedReleasesMax
    for version in record.published.keys.sorted().prefix(max(0, surplus)) {
      record.published[version] = nil
    }
    var state = self
    state.records.removeAll { $0.key == record.key }
    state.records.append(record)
    state.records.sort { $0.key < $1.key }
    return state
  }
}
