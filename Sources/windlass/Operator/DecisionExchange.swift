import KubernetesFleet
import Logging
import WindlassCore
import WindlassEngine
import WindlassWire

/// Keeps people and one driven service in touch: hands on what they decided, and shows what is.
///
/// What fails of it is told in the log, once, and is done at a later turn; the service is driven
/// all the same.
actor DecisionExchange {
  private let driven: DrivenService
  private let desk: ServiceDesk
  private let journal: any RunJournal
  private let turns: RunTurns
  /// What the journal had of the service when it was taken up; nil once the operator has read that.
  private var begun: SharedState?
  /// The newest generation of the object whose wish the service is driven by.
  private var generation: Int64
  private let clock: any RunClock
  private let logger: Logger
  private var failure: StepFailure?
  private let recorder: OperatorRecorder
  /// The state up to which ended runs were counted.
  private var counted: SharedState

  /// - Parameter stored: What the journal has of the service; nil for nothing.
  init(
    _ driven: DrivenService, _ assembly: OperatorAssembly, journal: any RunJournal,
    stored: ServiceRecord?, clock: any RunClock
  ) {
    let service = driven.service
    self.driven = driven
    self.journal = journal
    turns = assembly.turns
    self.clock = clock
    var record = stored ?? ServiceRecord(policy: service.policy)
    record.policy = service.policy
    let begun = SharedState(ServiceState(record: record))
    self.begun = begun
    counted = begun
    recorder = assembly.recorder
    generation = service.generation
    desk = ServiceDesk(
      assembly.client, service: service.key.name, in: service.namespace,
      events: assembly.events, told: begun)
    logger = assembly.logger(of: service)
  }

  /// Takes in what people wrote on the object, and shows what is.
  ///
  /// - Returns: When something is to be shown that could not be shown yet; nil when all is.
  func turn(_ object: KubernetesObject) async -> Timestamp? {
    if object.body["spec"] ?? .object([]) == driven.service.wish { generation = object.generation }
    // Looked at before the state: what had been taken in by then is part of it.
    let isIdle = driven.operator.isIdle
    let shared = shared
    count(shared)
    let news = StatusNews(
      shared: shared, feed: feed, generation: generation,
      waiting: turns.block(of: driven.service.uid), hindrance: driven.steps.hindrance,
      now: clock.now())
    do throws(StepFailure) {
      let turn = try await desk.turn(object, news, isIdle: isIdle, journal: journal)
      failure = nil
      for delivery in turn.deliveries {
        let decision = delivery.decision
        logger.notice(
          "Decision was handed over",
          metadata: ["choice": "\(decision.choice)", "by": "\(decision.by)"])
        driven.operator.decide(decision, note: delivery.note)
      }
      return turn.due
    } catch {
      if failure?.code != error.code, !Task.isCancelled {
        logger.warning("Status could not be shown", metadata: ["failure": "\(error)"])
      }
      failure = error
      return nil
    }
  }

  private func count(_ shared: SharedState) {
    if counted !== shared {
      let ends = RunEnd.news(shared.state.record, after: counted.state.record)
      for end in ends { recorder.runEnded(end) }
    }
    counted = shared
  }

  /// The service as its operator knows it, or the journal before the operator has read that.
  private var shared: SharedState {
    let shared = driven.operator.shared
    guard let begun else { return shared }
    // One that has looked around may have written nothing down yet, because it could read nothing.
    let state = shared.state
    let isUnread =
      state.watch.began == nil && state.record == ServiceRecord(policy: driven.service.policy)
    if !isUnread { self.begun = nil }
    return isUnread ? begun : shared
  }

  private var feed: FeedReport {
    let last = driven.feed.condition
    guard last.code != FeedCondition.pending.code else { return .pending }
    return FeedReport(isFetched: last.isFetched, reason: last.code, message: last.message)
  }
}
