import Testing
package import WindlassCore

/// A store of artifacts for one clause: empty, with an archive that can be fetched.
package protocol ArtifactStoreSubject: Sendable {
  /// The port as another daemon would see it.
  func connect() async throws -> any ArtifactStore

  /// A release whose archive is published as its manifest says.
  func publish() async throws -> Release

  /// Publishes other bytes under the release's address.
  func replace(_ release: Release) async throws

  /// Takes the release's archive from where it was published.
  func withdraw(_ release: Release) async throws

  /// Changes what was unpacked of the release.
  func tamper(_ release: Release) async throws
}

/// What a start may rely on when a release was prepared.
package enum ArtifactStoreContract {
  /// One sentence of this contract.
  package typealias Clause = WindlassContracts.Clause<any ArtifactStoreSubject>

  /// Every clause; each wants a new subject.
  package static let clauses: [Clause] = [
    Clause("what was prepared once needs nobody any more") { subject in
      let release = try await subject.publish()
      try await subject.connect().prepare(release)
      try await subject.withdraw(release)
      try await subject.connect().prepare(release)
    },
    Clause("what can't be fetched is not prepared, and may be tried again") { subject in
      let release = try await subject.publish()
      try await subject.withdraw(release)
      let store = try await subject.connect()
      for _ in 1...2 {
        let failed = try await failure { try await store.prepare(release) }
        #expect(failed != nil)
      }
      let again = try await subject.publish()
      try await store.prepare(again)
    },
    Clause("bytes of another digest are refused for good") { subject in
      let release = try await subject.publish()
      try await subject.replace(release)
      let failed = try await failure { try await subject.connect().prepare(release) }
      #expect(failed?.code == "DigestMismatch")
      #expect(failed?.disposition == .stop)
    },
    Clause("a change of what was prepared is told and not repaired in silence") { subject in
      let release = try await subject.publish()
      let store = try await subject.connect()
      try await store.prepare(release)
      try await subject.tamper(release)
      let failed = try await failure { try await store.prepare(release) }
      #expect(failed?.code == "ArtifactChanged")
      #expect(failed?.disposition == .stop)
    },
  ]
}
