import FoundationEssentials
package import Logging
import ServiceLifecycle
import Synchronization
package import WindlassCore

/// Drives one service: step, journal, effect, outcome, and again.
///
/// The loop never branches on a driver and holds no rule of its own; after a crash it starts from
/// the journal's last record and asks what became of the effect that was in flight.
package final class ServiceOperator: Service {
  /// A decision, and what the journal is to keep of it.
  private struct DecidedNote {
    var decision: Decision
    var note: String?
  }

  private struct Inbox {
    var offer: Offer?
    var decisions: [DecidedNote] = []
    /// What the service is like now.
    var shown: SharedState
    var isStopping = false
    /// Whether the loop ends as soon as no run is open.
    var stopsAtRest = false
    /// Whether the loop waits, with everything that it was handed taken into account.
    var isIdle = false
  }

  private let policy: ServicePolicy
  private let performer: EffectPerformer
  private let journal: any RunJournal
  private let clock: any RunClock
  private let failpoint: Failpoint
  private let rules: Rules
  private let logger: Logger
  private let bell = Bell()
  private let inbox: Mutex<Inbox>

  package init(
    policy: ServicePolicy, ports: ServicePorts, journal: any RunJournal, clock: any RunClock,
    logger: Logger, failpoint: @escaping Failpoint = { _, _ in .pass }, rules: Rules = .whole
  ) {
    self.policy = policy
    performer = EffectPerformer(ports: ports)
    self.journal = journal
    self.clock = clock
    self.logger = logger
    self.failpoint = failpoint
    self.rules = rules
    inbox = Mutex(
      Inbox(shown: SharedState(ServiceState(record: ServiceRecord(policy: policy)))))
  }

  package var name: ServiceName { policy.service }

  /// What the service is like now.
  package var snapshot: ServiceState { shared.state }

  /// What the service is like now, for who keeps it.
  package var shared: SharedState { inbox.withLock(\.shown) }

  /// Whether nothing is under way and everything that was handed over has been taken into account.
  package var isIdle: Bool { inbox.withLock(\.isIdle) }

  /// Hands a newly verified manifest over.
  package func offer(_ offer: Offer) {
    inbox.withLock {
      $0.offer = offer
      $0.isIdle = false
    }
    bell.ring()
  }

  /// Hands a person's decision over.
  ///
  /// - Parameter note: Journaled as a record of kind `.decision` before the state that has the
  ///   decision in it: once a newer state stands behind it, the decision need not be handed over
  ///   again after a crash. With nil nothing is noted.
  package func decide(_ decision: Decision, note: String? = nil) {
    inbox.withLock {
      $0.decisions.append(DecidedNote(decision: decision, note: note))
      $0.isIdle = false
    }
    bell.ring()
  }

  /// Ends the loop after the effect in flight.
  package func stop() {
    inbox.withLock { $0.isStopping = true }
    bell.ring()
  }

  /// Ends the loop when no run is open and nothing is under way: at once, or after the run that is.
  package func stopAtRest() {
    let isNew = inbox.withLock { inbox in
      defer { inbox.stopsAtRest = true }
      return !inbox.stopsAtRest
    }
    if isNew { bell.ring() }
  }

  package func run() async throws {
    var standing = try await apart { try await self.begin() }
    try await withGracefulShutdownHandler {
      while !inbox.withLock(\.isStopping), !Task.isCancelled {
        standing = try await apart { [standing] in try await self.turn(standing) }
        switch standing.next {
        case .turn: continue
        case .end: return
        case .rest(let wakeUp):
          inbox.withLock { $0.isIdle = $0.offer == nil && $0.decisions.isEmpty }
          await rest(until: wakeUp)
          inbox.withLock { $0.isIdle = false }
        }
      }
    } onGracefulShutdown: {
      self.stop()
    }
  }

  /// What a journal holds of a service, and when that was written; nil when it holds nothing.
  ///
  /// - Throws: What the journal throws, and `JournalUnreadable` for a record of another version.
  package static func recorded(
    in journal: any RunJournal, of service: ServiceName
  ) async throws(StepFailure) -> (record: ServiceRecord, at: Timestamp)? {
    guard let stored = try await journal.latest(.state, service: service) else { return nil }
    do {
      let record = try JSONDecoder().decode(ServiceRecord.self, from: Data(stored.payload.utf8))
      return (record, stored.at)
    } catch {
      throw StepFailure(
        code: "JournalUnreadable", disposition: .stop,
        message: "record \(stored.sequence) of the journal of \(service) is not understood "
          + "by this version: start the version that wrote it, or a newer one")
    }
  }

  // MARK: Parts of the loop

  /// Where the loop stands between two turns; by reference, because it is large and may be kept for
  /// hours.
  private final class Standing: Sendable {
    enum Next {
      case turn
      case rest(until: Timestamp?)
      case end
    }

    let shared: SharedState
    /// What the last turn's effect brought.
    let observation: Observation
    let next: Next

    init(_ shared: SharedState, _ observation: Observation = Observation(), next: Next = .turn) {
      self.shared = shared
      self.observation = observation
      self.next = next
    }
  }

  private func begin() async throws -> Standing {
    let shared = try await load()
    return Standing(
      shared, Observation(report: shared.state.record.inFlight.map { .lost($0.id) }))
  }

  /// Takes in what is new, makes the decision durable, and carries its effect out.
  private func turn(_ standing: Standing) async throws -> Standing {
    let old = standing.shared.state
    var observation = standing.observation
    let notes = receive(into: &observation)
    let step = step(old, observation, now: clock.now(), rules: rules)
    let state = step.state
    try await note(notes, of: state.record.run ?? old.record.run)
    try await persist(state.record, after: old.record)
    let shared = show(state)
    if isOver(state.record) { return Standing(shared, next: .end) }
    guard let effect = step.effect else {
      return Standing(shared, next: .rest(until: step.wakeUp))
    }
    if let breach = breach(of: effect, in: state) {
      await halt(breach)
      return Standing(shared, next: .end)
    }
    return Standing(shared, await carryOut(effect, state.record))
  }

  /// Whether the loop was to end when nothing is under way, and nothing is.
  ///
  /// Asked before an effect that was just decided: its intent is durable then, so that it counts.
  private func isOver(_ record: ServiceRecord) -> Bool {
    inbox.withLock(\.stopsAtRest) && record.run == nil && record.inFlight == nil
      && record.unresolved == nil
  }

  private func load() async throws(StepFailure) -> SharedState {
    let stored = try await ServiceOperator.recorded(in: journal, of: policy.service)
    guard var record = stored?.record else { return shared }
    // What is remembered of a workload is of no use once somebody else owns its roll, or no more.
    if record.policy.workload != policy.workload { record.workload = nil }
    record.policy = policy
    return show(ServiceState(record: record))
  }

  private func show(_ state: ServiceState) -> SharedState {
    let shared = SharedState(state)
    inbox.withLock { $0.shown = shared }
    return shared
  }

  /// Takes what was handed over.
  ///
  /// - Returns: What is to be noted of the decisions.
  private func receive(into observation: inout Observation) -> [String] {
    inbox.withLock { inbox in
      defer {
        inbox.offer = nil
        inbox.decisions = []
      }
      observation.offer = inbox.offer
      observation.decisions = inbox.decisions.map(\.decision)
      return inbox.decisions.compactMap(\.note)
    }
  }

  /// Makes notes of decisions durable, ahead of the state that the decisions led to.
  private func note(_ notes: [String], of run: Run?) async throws {
    for note in notes {
      _ = try await journal.append(
        JournalRecord(
          service: policy.service, run: run?.plan.run, kind: .decision, at: clock.now(),
          payload: note))
    }
  }

  /// Makes the record durable when it changed; an effect follows only after this returned.
  private func persist(
    _ record: ServiceRecord, after old: ServiceRecord
  ) async throws {
    guard record != old else { return }
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    let payload = String(decoding: try encoder.encode(record), as: UTF8.self)
    _ = try await journal.append(
      JournalRecord(
        service: policy.service, run: (record.run ?? old.run)?.plan.run, kind: .state,
        effect: record.inFlight?.id, at: clock.now(), payload: payload))
    tell(record, after: old)
    if let settled = old.inFlight, record.inFlight?.id != settled.id {
      _ = failpoint(settled.action.name, .settled)
    }
  }

  /// What an effect would breach, looked at apart from the decision that issued it.
  private func breach(of effect: Effect, in state: ServiceState) -> Block? {
    guard case .perform(let id, let action) = effect else { return nil }
    let found = violations(issuing: id, action, in: state, now: clock.now())
    guard !found.isEmpty else { return nil }
    let listed = found.map(\.description).joined(separator: "; ")
    return Block(
      code: "InvariantBreached",
      message: "\(id) was not carried out, and nothing else is: it would have broken a rule that "
        + "must always hold (\(listed)). This is a defect of Windlass: what runs goes on running. "
        + "Keep the state directory, report it, and start a version that mends it")
  }

  /// Does nothing more for this service until the daemon is stopped.
  private func halt(_ breach: Block) async {
    logger.critical("Invariant would have been breached", metadata: ["breach": "\(breach)"])
    inbox.withLock {
      // Shown and never journaled: the next start looks again.
      var state = $0.shown.state
      if state.record.run != nil {
        state.record.run?.block = breach
      } else {
        state.record.block = breach
      }
      $0.shown = SharedState(state)
      $0.isIdle = true
    }
    while !inbox.withLock(\.isStopping), !Task.isCancelled { await bell.wait() }
  }

  private func carryOut(_ effect: Effect, _ record: ServiceRecord) async -> Observation {
    do throws(StepFailure) {
      switch effect {
      case .inspect: return Observation(ledger: try await inspect())
      case .observe: return try await observe(record)
      case .readBack(let id, let action):
        return Observation(report: await performer.readBack(id, action))
      case .perform(let id, let action):
        return Observation(report: await perform(id, action, run: record.run))
      }
    } catch {
      logger.warning("Read failed", metadata: ["failure": "\(error)"])
      return Observation(report: .unreadable(error))
    }
  }

  /// Reads the ledger, stamped with the time before the reading began.
  private func inspect() async throws(StepFailure) -> LedgerReading {
    let began = clock.now()
    var reading = try await performer.ports.database.inspect()
    reading.asOf = began
    return reading
  }

  /// Reads the fleet, stamped with the time before the reading began.
  private func observe(_ record: ServiceRecord) async throws(StepFailure) -> Observation {
    let began = clock.now()
    switch performer.ports.fleet {
    case .instances(let fleet):
      var reading = try await fleet.observe()
      reading.asOf = began
      return Observation(fleet: reading)
    case .workload(let workload):
      let places = record.instances.filter(\.mayBeAlive).compactMap(\.place)
      var reading = try await workload.observe(remembering: Set(places.map(\.machine)))
      reading.asOf = began
      return Observation(workload: reading)
    }
  }

  private func perform(_ id: EffectID, _ action: Action, run: Run?) async -> Report {
    logger.info("Effect began", metadata: ["effect": "\(id)"])
    _ = failpoint(action.name, .before)
    do throws(StepFailure) {
      let until = clock.now() + Bounds.backfillSlice
      let outcome = try await performer.perform(action, run: run) { progress in
        self.attend(progress, until: until)
      }
      if case .loseReply = failpoint(action.name, .after) { return .lost(id) }
      logger.info("Effect ended", metadata: ["effect": "\(id)"])
      return .finished(id, outcome)
    } catch {
      logger.warning("Effect failed", metadata: ["effect": "\(id)", "failure": "\(error)"])
      return .failed(id, error)
    }
  }

  /// Shows how far a backfill has come; whether it may go on, because nobody waits for its end and
  /// it is not yet time to look at everything else.
  private func attend(_ progress: BackfillProgress, until: Timestamp) -> Bool {
    let isWaitedFor = inbox.withLock { inbox in
      var state = inbox.shown.state
      state.watch.backfill = progress
      inbox.shown = SharedState(state)
      return inbox.isStopping || inbox.offer != nil || !inbox.decisions.isEmpty
    }
    return !isWaitedFor && clock.now() < until
  }

  private func rest(until wakeUp: Timestamp?) async {
    guard let wakeUp else { return await bell.wait() }
    // The calling task waits for the bell itself: a loop that rests is one task more, not two.
    await withTaskGroup(of: Void.self) { group in
      group.addTask {
        await self.clock.sleep(until: wakeUp)
        if !Task.isCancelled { self.bell.ring() }
      }
      await self.bell.wait()
      group.cancelAll()
    }
  }

  /// Logs what a person would want to know of a change.
  private func tell(_ record: ServiceRecord, after old: ServiceRecord) {
    if let run = record.run, run.phase != old.run?.phase || old.run?.plan.run != run.plan.run {
      logger.notice(
        "Run entered phase",
        metadata: ["run": "\(run.plan.run)", "phase": "\(run.phase.rawValue)"])
    }
    if let block = record.run?.block ?? record.block, block != old.run?.block, block != old.block {
      logger.warning("Stood still", metadata: ["reason": "\(block)"])
    }
    if record.run == nil, old.run != nil, let ended = record.pastRuns.last {
      logger.notice(
        "Run ended",
        metadata: [
          "run": "\(ended.run)", "ending": "\(ended.ending.rawValue)",
          "reason": "\(ended.reason?.description ?? "")",
        ])
    }
  }
}
