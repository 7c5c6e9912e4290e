package import WindlassCore
import WindlassWire

/// Turns what people write into a cluster's objects into decisions, each exactly once.
///
/// A decision is handed over and journaled by the operator before the state that it leads to; a
/// daemon that starts again takes those for settled that the journal has before its newest state.
/// Then it is told in `status.decisions`, and at last its annotation is removed. Whatever of this
/// was cut off is done at the next look.
package struct DecisionInbox: Sendable {
  /// What is to be done about what people wrote.
  package struct Mail: Hashable, Sendable {
    /// For the operator, in order.
    package var deliveries: [DecisionDelivery] = []
    /// For `status.decisions`.
    package var answers: [DecisionStatus] = []
    /// Annotations that were answered, and can go.
    package var answered: [String] = []
  }

  /// What is looked at.
  package struct Look: Sendable {
    /// The ManagedService, as read from the authority.
    package var service: KubernetesObject
    /// The UpgradeRun that is open.
    package var run: KubernetesObject?
    package var state: ServiceState
    /// Whether the operator has taken in all that it was handed.
    package var isIdle: Bool
    /// Whether the first poll for a manifest has not ended.
    package var isFeedPending: Bool
    package var journaled: JournaledDecisions
    package var now: Timestamp

    package init(
      service: KubernetesObject, run: KubernetesObject?, state: ServiceState, isIdle: Bool,
      isFeedPending: Bool = false, journaled: JournaledDecisions, now: Timestamp
    ) {
      self.service = service
      self.run = run
      self.state = state
      self.isIdle = isIdle
      self.isFeedPending = isFeedPending
      self.journaled = journaled
      self.now = now
    }
  }

  /// Handed over by this daemon.
  private var handed: Set<String> = []
  /// The last value of `spec.policy.paused` that was handed over.
  private var handedPause: Bool?

  package init() {}

  /// Looks at what people wrote, and remembers what it hands over.
  package mutating func look(_ look: Look) -> Mail {
    var mail = Mail()
    if let delivery = pause(look) { mail.deliveries.append(delivery) }
    if let delivery = approval(look) { mail.deliveries.append(delivery) }
    for (id, text) in waiting(look.service) { read(id, text, look, &mail) }
    return mail
  }

  /// The annotations with decisions: the oldest first, as those who wrote them say.
  private func waiting(_ service: KubernetesObject) -> [(id: String, text: String)] {
    let written = service.annotations.compactMap { name, text -> (String, String, String)? in
      guard name.hasPrefix(DecisionOrder.prefix) else { return nil }
      let time = DecisionOrder(text: text)?.time ?? ""
      return (time, String(name.dropFirst(DecisionOrder.prefix.count)), text)
    }
    return written.sorted { ($0.0, $0.1) < ($1.0, $1.1) }.prefix(RunBounds.decisionsRead)
      .map { ($0.1, $0.2) }
  }

  private mutating func read(_ id: String, _ text: String, _ look: Look, _ mail: inout Mail) {
    let ticket = "\(look.service.uid)/\(id)"
    if DecisionInbox.isTold(id, look.service) { return mail.answered.append(id) }
    let order = DecisionOrder(text: text)
    if isSettled(ticket, look) {
      return mail.answers.append(answer(id, order, .taken, "", look))
    }
    guard !handed.contains(ticket) else { return }
    guard DecisionOrder.isID(id), let order else {
      return mail.answers.append(
        answer(
          id, nil, .refused, "it is not understood: see docs/kubernetes.md for what is", look))
    }
    // Which releases there are is not known yet.
    if order.choice == .adopt, look.state.watch.offer == nil, look.isFeedPending { return }
    if order.choice == .resume, DecisionInbox.wantsPause(look.service) {
      return mail.answers.append(
        answer(
          id, order, .refused, "spec.policy.paused says that nothing goes on: take it back there",
          look))
    }
    if let objection = DecisionObjection.of(order, look.state) {
      return mail.answers.append(answer(id, order, .refused, objection, look))
    }
    guard let choice = order.coreChoice else {
      return mail.answers.append(
        answer(id, order, .refused, "it names no version or instance", look))
    }
    handed.insert(ticket)
    mail.deliveries.append(
      DecisionDelivery(
        ticket: ticket,
        decision: Decision(choice: choice, by: order.by, reason: order.reason ?? "")))
  }

  /// Whether a decision is part of a durable state, or was found to change none.
  private func isSettled(_ ticket: String, _ look: Look) -> Bool {
    if look.journaled.settled.contains(ticket) { return true }
    return handed.contains(ticket) && look.isIdle && look.journaled.noted.contains(ticket)
  }

  private static func isTold(_ id: String, _ service: KubernetesObject) -> Bool {
    (service.body.value(at: "/status/decisions")?.array ?? []).contains { $0["id"]?.string == id }
  }

  private func answer(
    _ id: String, _ order: DecisionOrder?, _ outcome: DecisionStatus.Outcome, _ message: String,
    _ look: Look
  ) -> DecisionStatus {
    var status = DecisionStatus()
    status.id = String(id.prefix(63))
    status.choice = order?.choice.rawValue ?? "unknown"
    status.by = StatusText.message(order?.by ?? "", lengthMax: RunBounds.nameLengthMax)
    status.outcome = outcome
    status.message = StatusText.message(message)
    status.time = look.now.rfc3339
    return status
  }

  // MARK: - Fields

  private static func wantsPause(_ service: KubernetesObject) -> Bool {
    service.body.value(at: "/spec/policy/paused")?.bool ?? false
  }

  /// `spec.policy.paused`, where the service is not as it says.
  private mutating func pause(_ look: Look) -> DecisionDelivery? {
    let wanted = DecisionInbox.wantsPause(look.service)
    guard wanted != look.state.record.isPaused else {
      handedPause = nil
      return nil
    }
    guard handedPause != wanted else { return nil }
    handedPause = wanted
    let by = "spec.policy.paused of \(look.service.key)"
    return DecisionDelivery(
      ticket: "\(look.service.uid)/paused-\(look.service.generation)",
      decision: Decision(choice: wanted ? .pause : .resume, by: by))
  }

  /// `spec.approvedBy` of the run that is open.
  private mutating func approval(_ look: Look) -> DecisionDelivery? {
    guard let run = look.run, let open = look.state.record.run, run.name == open.plan.run.text,
      let by = run.body.value(at: "/spec/approvedBy")?.string, !by.isEmpty,
      look.state.record.approved != open.plan.target.version
    else { return nil }
    let ticket = "\(run.uid)/approved"
    guard !look.journaled.settled.contains(ticket), handed.insert(ticket).inserted else {
      return nil
    }
    return DecisionDelivery(
      ticket: ticket,
      decision: Decision(
        choice: .approve(open.plan.target.version),
        by: StatusText.message(by, lengthMax: RunBounds.nameLengthMax)))
  }
}

extension KubernetesObject {
  /// The decisions that are written on the object and not taken off yet, by their annotations.
  package var decisionOrders: [String: String] {
    annotations.filter { $0.key.hasPrefix(DecisionOrder.prefix) }
  }
}

extension DecisionOrder {
  /// The core's word for the choice; nil when what belongs to it is missing.
  var coreChoice: Decision.Choice? {
    let version = version.flatMap { Version($0) }
    switch choice {
    case .resume: return .resume
    case .rollback, .downgrade: return .rollback
    case .quarantine: return version.map { .quarantine($0) }
    case .release: return version.map { .release($0) }
    case .adopt: return version.map { .adopt($0) }
    case .confirmDead: return instance.map { .confirmDead(InstanceID($0)) }
    }
  }
}
