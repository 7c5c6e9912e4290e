import Testing
package import WindlassCore

/// How the servers of a subject behave.
package enum ServerConduct: Sendable, CaseIterable {
  /// It becomes ready, reports its release's version and ends at SIGTERM with status 0.
  case good
  case neverReady
  /// It ends by itself with status 7 before it is ready.
  case endsAtOnce
  /// Only SIGKILL ends it.
  case ignoresTerm
  /// It reports another version than its release's.
  case lies
  /// It is ready, and answers probes wrongly.
  case failsProbes
}

/// A fleet for one clause: empty, with one release that can be started.
package protocol FleetSubject: Sendable {
  /// The port as another daemon would see it; what it starts behaves as told.
  func connect(_ conduct: ServerConduct) async throws -> any Fleet

  /// A release that is prepared.
  func release() async throws -> Release

  /// A probe that a good server passes.
  var probe: Probe { get }

  /// Tells one process from every other that was ever started.
  func identity(of id: InstanceID) async throws -> String

  /// Ends the instance as SIGKILL from elsewhere does.
  func kill(_ id: InstanceID) async throws

  /// Stops everything and removes what was made.
  func end() async
}

/// What a roll may rely on, whoever keeps the instances.
package enum FleetContract {
  /// One sentence of this contract.
  package typealias Clause = WindlassContracts.Clause<any FleetSubject>

  /// Every clause; each wants a new subject.
  package static let clauses = (starting + ending + asking).map { clause in
    Clause(clause.sentence) { subject in
      // The subject's processes must go, however the clause ends.
      let result: Result<Void, any Error>
      do {
        result = .success(try await clause.check(subject))
      } catch {
        result = .failure(error)
      }
      await subject.end()
      try result.get()
    }
  }

  private static let starting: [Clause] = [
    Clause("a fleet that started nothing reads as empty") { subject in
      let reading = try await subject.connect(.good).observe()
      #expect(reading.instances == [])
    },
    Clause("a started instance becomes ready and reports its version, to every daemon") {
      subject in
      let release = try await subject.release()
      try await subject.connect(.good).start(StartOrder(id: "a", release: release))
      #expect(try await subject.becomes("a") { $0.isReady })
      let reading = try await subject.reading("a")
      #expect(reading.life == .alive)
      #expect(!reading.isDraining)
      #expect(reading.release == release.version)
      #expect(reading.reportedVersion == release.version.description)
      #expect(reading.exit == nil)
    },
    Clause("an id is started once, however often it is asked for") { subject in
      try await subject.start("a")
      let identity = try await subject.identity(of: "a")
      try await subject.start("a")
      #expect(try await subject.identity(of: "a") == identity)
      #expect(try await subject.connect(.good).observe().instances.map(\.id) == ["a"])
      try await subject.kill("a")
      #expect(try await subject.becomes("a") { $0.life == .dead })
      // What died is not started anew under its old name either.
      try await subject.start("a")
      #expect(try await subject.reading("a").life == .dead)
    },
    Clause("an instance that is never ready stays alive and unready") { subject in
      try await subject.start("a", .neverReady)
      for _ in 1...5 {
        let reading = try await subject.reading("a")
        #expect(reading.life == .alive)
        #expect(!reading.isReady)
      }
    },
    Clause("a version that a server makes up is told as it was said") { subject in
      try await subject.start("a", .lies)
      #expect(try await subject.becomes("a") { $0.isReady })
      let reading = try await subject.reading("a")
      let release = try await subject.release()
      #expect(reading.release == release.version)
      #expect(reading.reportedVersion != nil)
      #expect(reading.reportedVersion != release.version.description)
    },
  ]

  private static let ending: [Clause] = [
    Clause("an instance that is told to stop drains, dies, and leaves its exit") { subject in
      try await subject.start("a")
      #expect(try await subject.becomes("a") { $0.isReady })
      let fleet = try await subject.connect(.good)
      try await fleet.stop("a")
      let reading = try await subject.reading("a")
      #expect(reading.isDraining || reading.life == .dead)
      #expect(!reading.isReady || reading.life == .alive)
      #expect(try await subject.becomes("a") { $0.life == .dead })
      #expect(try await subject.reading("a").exit == ExitReport(code: 0))
    },
    Clause("an instance that ignores SIGTERM is killed in the end") { subject in
      try await subject.start("a", .ignoresTerm)
      #expect(try await subject.becomes("a") { $0.isReady })
      try await subject.connect(.ignoresTerm).stop("a")
      #expect(try await subject.becomes("a") { $0.life == .dead })
      #expect(try await subject.reading("a").exit == ExitReport(signal: 9))
    },
    Clause("an instance that ends by itself is dead, with its status") { subject in
      try await subject.start("a", .endsAtOnce)
      #expect(try await subject.becomes("a") { $0.life == .dead })
      let reading = try await subject.reading("a")
      #expect(reading.exit == ExitReport(code: 7))
      #expect(!reading.isReady)
      #expect(reading.reportedVersion == nil)
    },
    Clause("an instance that somebody killed is dead, with the signal") { subject in
      try await subject.start("a")
      try await subject.start("b")
      #expect(try await subject.becomes("a") { $0.isReady })
      try await subject.kill("a")
      #expect(try await subject.becomes("a") { $0.life == .dead })
      #expect(try await subject.reading("a").exit == ExitReport(signal: 9))
      #expect(try await subject.reading("b").life == .alive)
    },
    Clause("stopping what is dead or was never started does nothing and succeeds") { subject in
      let fleet = try await subject.connect(.endsAtOnce)
      try await fleet.stop("never")
      #expect(try await fleet.observe().instances == [])
      try await subject.start("a", .endsAtOnce)
      #expect(try await subject.becomes("a") { $0.life == .dead })
      try await fleet.stop("a")
      let reading = try await subject.reading("a")
      #expect(reading.life == .dead)
      #expect(reading.exit == ExitReport(code: 7))
    },
    Clause("a dead instance stays in the reading until it is forgotten") { subject in
      try await subject.start("a")
      try await subject.start("b")
      try await subject.kill("a")
      #expect(try await subject.becomes("a") { $0.life == .dead })
      let fleet = try await subject.connect(.good)
      #expect(try await fleet.observe().instances.map(\.id) == ["a", "b"])
      for _ in 1...2 { try await fleet.forget("a") }
      #expect(try await subject.connect(.good).observe().instances.map(\.id) == ["b"])
    },
    Clause("a living instance can't be forgotten") { subject in
      try await subject.start("a")
      let fleet = try await subject.connect(.good)
      let failed = try await failure { try await fleet.forget("a") }
      #expect(failed?.code == "InstanceAlive")
      #expect(failed?.disposition == .stop)
      #expect(try await subject.reading("a").life == .alive)
    },
  ]

  private static let asking: [Clause] = [
    Clause("a good instance passes its probes") { subject in
      try await subject.start("a")
      #expect(try await subject.becomes("a") { $0.isReady })
      let said = try await subject.connect(.good).probe("a", with: [subject.probe])
      #expect(said == nil)
    },
    Clause("an instance that answers wrongly fails its probes, with what was wrong") { subject in
      try await subject.start("a", .failsProbes)
      #expect(try await subject.becomes("a") { $0.isReady })
      let said = try await subject.connect(.failsProbes).probe("a", with: [subject.probe])
      #expect(said?.isEmpty == false)
    },
    Clause("what does not run passes no probe") { subject in
      let fleet = try await subject.connect(.good)
      #expect(try await subject.passesProbes("never") == false)
      try await subject.start("a")
      try await subject.kill("a")
      #expect(try await subject.becomes("a") { $0.life == .dead })
      #expect(try await subject.passesProbes("a") == false)
      try await fleet.forget("a")
      #expect(try await subject.passesProbes("a") == false)
    },
  ]
}

extension FleetSubject {
  func start(_ id: InstanceID, _ conduct: ServerConduct = .good) async throws {
    try await connect(conduct).start(StartOrder(id: id, release: release()))
  }

  /// The instance as a daemon that knows nothing reads it.
  func reading(_ id: InstanceID) async throws -> InstanceReading {
    try #require(try await connect(.good).observe().instances.first { $0.id == id })
  }

  /// Waits until the instance reads as the condition says.
  func becomes(
    _ id: InstanceID, _ condition: (InstanceReading) -> Bool
  ) async throws -> Bool {
    try await eventually { condition(try await reading(id)) }
  }

  /// Whether the port says that the probes passed; it may as well fail.
  func passesProbes(_ id: InstanceID) async throws -> Bool {
    do {
      return try await connect(.good).probe(id, with: [probe]) == nil
    } catch is StepFailure {
      return false
    }
  }
}
