package import WindlassCore
import WindlassWire

/// Everything that people and one service's operator tell each other through the cluster's objects.
package actor ServiceDesk {
  /// What a turn came to.
  package struct Turn: Sendable {
    /// For the operator, in order, each with its note.
    package var deliveries: [DecisionDelivery]
    /// When to look again because something is not shown yet; nil when all is.
    package var due: Timestamp?
  }

  private let client: KubernetesClient
  private let writer: StatusWriter
  private let events: EventRecorder?
  private var inbox = DecisionInbox()
  /// The state whose events were told.
  private var told: SharedState?
  /// Decisions whose answers were told as events; the status may show them only later.
  private var toldAnswers: Set<String> = []

  /// The desk of the ManagedService of that name.
  ///
  /// - Parameter told: The state after which there is news; nil for that of the first turn.
  package init(
    _ client: KubernetesClient, service name: String, in namespace: String,
    events: EventRecorder? = nil, told: SharedState? = nil
  ) {
    self.client = client
    self.events = events
    self.told = told
    writer = StatusWriter(client, service: name, in: namespace)
  }

  /// Takes in what people wrote, and shows what is.
  ///
  /// - Parameters:
  ///   - object: The ManagedService as it was seen last, in a cache or not: what makes a decision
  ///     happen once is in the journal.
  ///   - isIdle: Whether the operator has taken in all that it was handed.
  /// - Throws: the server's failure. Nothing is lost by it: take another turn later.
  package func turn(
    _ object: KubernetesObject, _ news: StatusNews, isIdle: Bool, journal: some RunJournal
  ) async throws(StepFailure) -> Turn {
    tell(news.shared, about: object)
    let journaled = try await JournaledDecisions(journal, of: ServiceName(object.name))
    var blindness: StepFailure?
    var run: KubernetesObject?
    do throws(StepFailure) {
      run = try await waitingRun(news.record, in: object)
    } catch {
      // What is can be shown all the same, and why the run can't be read is part of it.
      blindness = error
    }
    let mail = inbox.look(
      DecisionInbox.Look(
        service: object, run: run, state: news.state,
        isIdle: isIdle, isFeedPending: news.feed.isFetched == nil, journaled: journaled,
        now: news.now))
    var shown = news
    shown.answers += mail.answers
    if let blindness, blindness.disposition == .wait, shown.hindrance == nil {
      shown.hindrance = Block(code: blindness.code, message: blindness.message)
    }
    tell(mail.answers, about: object)
    do throws(StepFailure) {
      try await DecisionDesk.clear(mail.answered, from: object, by: client)
      let due = try await writer.show(shown, over: object)
      if let blindness { throw blindness }
      return Turn(deliveries: mail.deliveries, due: due)
    } catch {
      // What was looked at counts as handed over: it must reach the operator all the same.
      guard mail.deliveries.isEmpty else { return Turn(deliveries: mail.deliveries, due: news.now) }
      throw error
    }
  }

  private func tell(_ shared: SharedState, about object: KubernetesObject) {
    if let told, let events, told !== shared {
      let news = ClusterEvent.news(shared.state.record, after: told.state.record)
      for event in news { events.note(event, about: object) }
    }
    told = shared
  }

  private func tell(_ answers: [DecisionStatus], about object: KubernetesObject) {
    // One that was told long ago is in the status by now.
    if toldAnswers.count > RunBounds.decisionsJournaled { toldAnswers = [] }
    for answer in answers where toldAnswers.insert(answer.id).inserted {
      events?.note(.answer(answer), about: object)
    }
  }

  /// The run's object, where the run waits for an approval.
  private func waitingRun(
    _ record: ServiceRecord, in object: KubernetesObject
  ) async throws(StepFailure) -> KubernetesObject? {
    guard let run = record.run, run.phase == .approve, record.policy.needsApproval,
      record.approved != run.plan.target.version
    else { return nil }
    let client = client
    let reference = ObjectReference(.upgradeRuns, run.plan.run.text, in: object.namespace)
    return try await asking { () async throws(APIError) in try await client.get(reference) }
  }
}
