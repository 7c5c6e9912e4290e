import Testing
package import WindlassCore

/// A store of backups for one clause, of a database that was adopted and has something in it.
package protocol BackupStoreSubject: Sendable {
  /// The port as another daemon would see it.
  func connect() async throws -> any BackupStore

  /// What the database says of itself now.
  func ledger() async throws -> LedgerReading

  /// Changes rows of the service, so that a backup taken now differs from one taken before.
  func write() async throws

  /// Damages the backup's file.
  ///
  /// - Parameter isRecorded: Whether the damage was there before the file's digest was taken, as
  ///   when the copy itself went wrong; such a file still is what its record says.
  func damage(_ id: BackupID, isRecorded: Bool) async throws
}

/// What a run may rely on when it rests on a backup.
package enum BackupStoreContract {
  /// One sentence of this contract.
  package typealias Clause = WindlassContracts.Clause<any BackupStoreSubject>

  /// Every clause; each wants a new subject.
  package static let clauses = taking + refusing

  private static let taking: [Clause] = [
    Clause("a backup tells what it is of, and is unverified") { subject in
      let ledger = try await subject.ledger()
      let taken = try await subject.connect().backUp("b1", run: "run", purpose: .beforeExpand)
      #expect(taken.id == "b1")
      #expect(taken.run == "run")
      #expect(taken.purpose == .beforeExpand)
      #expect(taken.schema == ledger.version)
      #expect(taken.systemID == ledger.systemID)
      #expect(taken.digest.isWellFormed)
      #expect(!taken.isVerified)
      #expect(try await subject.connect().receipt(of: "b1") == taken)
    },
    Clause("a sound backup is verified, and stays so for every daemon") { subject in
      var taken = try await subject.connect().backUp("b1", run: "run", purpose: .beforeContract)
      let verified = try await subject.connect().verify("b1")
      taken.isVerified = true
      #expect(verified == taken)
      #expect(try await subject.connect().receipt(of: "b1") == taken)
      #expect(try await subject.connect().verify("b1") == taken)
    },
    Clause("a backup that is complete is returned as it is") { subject in
      let store = try await subject.connect()
      let first = try await store.backUp("b1", run: "run", purpose: .beforeExpand)
      try await subject.write()
      #expect(try await store.backUp("b1", run: "run", purpose: .beforeExpand) == first)
      let second = try await store.backUp("b2", run: "run", purpose: .beforeExpand)
      #expect(second.digest != first.digest)
    },
    Clause("there is nothing to say of a backup that was never taken") { subject in
      let store = try await subject.connect()
      #expect(try await store.receipt(of: "b9") == nil)
      let failed = try await failure { _ = try await store.verify("b9") }
      #expect(failed?.disposition == .stop)
      #expect(try await store.receipt(of: "b9") == nil)
    },
    Clause("the oldest backups go, and never a protected run's") { subject in
      let store = try await subject.connect()
      for number in 1...4 {
        _ = try await store.backUp(
          BackupID("b\(number)"), run: RunID("r\(number)"), purpose: .byHand)
      }
      try await store.prune(keep: 2, protecting: ["r1"])
      let kept = try await subject.kept(of: ["b1", "b2", "b3", "b4"])
      #expect(kept == ["b1", "b3", "b4"])
      try await store.prune(keep: 0, protecting: [])
      #expect(try await subject.kept(of: ["b1", "b3", "b4"]) == [])
    },
  ]

  private static let refusing: [Clause] = [
    Clause("a backup damaged after its digest was taken is told by each look at it") { subject in
      let store = try await subject.connect()
      _ = try await store.backUp("b1", run: "run", purpose: .beforeExpand)
      _ = try await store.verify("b1")
      try await subject.damage("b1", isRecorded: false)
      let read = try await failure { _ = try await store.receipt(of: "b1") }
      #expect(read?.code == "BackupDamaged")
      #expect(read?.disposition == .stop)
      let verified = try await failure { _ = try await store.verify("b1") }
      #expect(verified?.code == "BackupDamaged")
      #expect(verified?.disposition == .stop)
    },
    Clause("a backup that was wrong when its digest was taken is never verified") { subject in
      let store = try await subject.connect()
      _ = try await store.backUp("b1", run: "run", purpose: .beforeExpand)
      try await subject.damage("b1", isRecorded: true)
      for _ in 1...2 {
        let verified = try await failure { _ = try await store.verify("b1") }
        #expect(verified?.code == "BackupDamaged")
        #expect(verified?.disposition == .stop)
        #expect(try await subject.connect().receipt(of: "b1")?.isVerified == false)
      }
    },
    Clause("a damaged backup does no harm to the next one") { subject in
      let store = try await subject.connect()
      _ = try await store.backUp("b1", run: "run", purpose: .beforeExpand)
      try await subject.damage("b1", isRecorded: true)
      _ = try await store.backUp("b2", run: "run", purpose: .beforeExpand)
      #expect(try await store.verify("b2").isVerified)
    },
  ]
}

extension BackupStoreSubject {
  /// Which of the backups there still are.
  func kept(of ids: [BackupID]) async throws -> [BackupID] {
    var kept: [BackupID] = []
    for id in ids where try await connect().receipt(of: id) != nil { kept.append(id) }
    return kept
  }
}
