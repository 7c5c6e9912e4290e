import ArgumentParser
import KubernetesFleet
import WindlassCore
import WindlassWire

/// How a decision is written, and how long its answer is waited for.
struct ErrandOptions: ParsableArguments {
  @Flag(name: .long, help: "Show what would follow, and write nothing.")
  var dryRun = false

  @Option(
    name: .long,
    help: ArgumentHelp(
      "How long to wait for the operator's answer (default: 15s); 0 does not wait.",
      valueName: "time"),
    transform: ErrandOptions.time)
  var wait = Interval.seconds(15)

  /// Reads a time such as `30s`, and a bare number as seconds.
  static func time(_ text: String) throws -> Interval {
    try Interval(text) ?? Interval("\(text)s") ?? Interval.argument(text)
  }
}

/// Consent to what can't be taken back.
struct ConsentOptions: ParsableArguments {
  @Flag(name: .long, help: "Do it without being asked at the terminal.")
  var yes = false
}

/// One decision of a person about one service: look, show what follows, ask, write, and tell what
/// became of it.
struct DecisionErrand {
  /// How often a write is tried that met another's.
  private static let attemptsMax = 5
  private static let pause = Interval.milliseconds(500)

  let service: String
  let options: ErrandOptions
  let hasConsent: Bool
  let cluster: ReachedCluster
  let output: Output

  /// - Parameter plan: What the decision comes to as things are; it is asked again where something
  ///   changed before the decision was written, and must then come to the same.
  func perform(
    _ plan: (ServiceOutlook) throws(CommandFailure) -> Deed
  ) async throws(CommandFailure) -> ExitStatus {
    let outlook = try await cluster.service(service)
    let deed = try plan(outlook)
    show(deed)
    if case .nothing(let reason) = deed.writing {
      output.line(Span(reason))
      output.object(body(deed, "", outcome: "Nothing", reason))
      return .done
    }
    if options.dryRun {
      output.line("Nothing was written.")
      output.object(body(deed, "", outcome: "DryRun", "nothing was written"))
      return .done
    }
    try confirm(deed, outlook)
    let id = deed.order.map { cluster.makeID($0.choice) } ?? ""
    try await write(deed, as: id, plan, seen: outlook)
    return try await answer(deed, id)
  }

  private func show(_ deed: Deed) {
    output.line([.strong(deed.title)] + (deed.run.map { [", meant for ", Span($0)] } ?? []))
    for effect in deed.effects { output.line("  ", Span(effect)) }
    if let order = deed.order {
      let reason = order.reason.map { $0.isEmpty ? "" : ", because: \($0)" } ?? ""
      output.line("  ", .faint("decided by \(order.by)\(reason)"))
    } else if case .approve(_, let by) = deed.writing {
      output.line("  ", .faint("approved by \(by)"))
    }
  }

  private func confirm(_ deed: Deed, _ outlook: ServiceOutlook) throws(CommandFailure) {
    guard deed.isGrave, !hasConsent else { return }
    switch output.isJSON ? nil : cluster.ask("Do it?") {
    case true?: return
    case false?:
      throw CommandFailure(
        .failed, "NotConfirmed", "Nothing was written: the \(deed.title) was not confirmed.")
    case nil:
      throw CommandFailure(
        .usage, "ConsentNeeded",
        "Nothing was written: the \(deed.title) can't be taken back, and nobody can be asked here. "
          + "Look at \(outlook.words("status")) and add --yes.")
    }
  }

  // MARK: - Writing

  /// Writes it under the version that was looked at; where that has changed, looks again.
  private func write(
    _ deed: Deed, as id: String, _ plan: (ServiceOutlook) throws(CommandFailure) -> Deed,
    seen: ServiceOutlook
  ) async throws(CommandFailure) {
    guard let change = deed.change(id) else { return }
    var outlook = seen
    var attempt = 1
    while true {
      let cause: APIError
      do throws(APIError) {
        return try await change.make(on: try target(of: change, outlook), by: cluster.client)
      } catch {
        cause = error
      }
      guard attempt < Self.attemptsMax, cause.code == .conflict || cause.mayHaveHappened else {
        throw cluster.failure(StepFailure(cause))
      }
      attempt += 1
      outlook = try await cluster.service(service)
      if deed.isWritten(outlook, as: id) { return }
      guard try plan(outlook) == deed else {
        throw CommandFailure(
          .failed, "ChangedMeanwhile",
          "Nothing was written: while the \(deed.title) was on its way, \(outlook.key) changed, "
            + "and it would now do something else. Look at \(outlook.words("status")) and decide "
            + "again.")
      }
    }
  }

  private func target(
    of change: PersonsChange, _ outlook: ServiceOutlook
  ) throws(APIError) -> KubernetesObject {
    guard case .run(let name) = change.target else { return outlook.sighting.object }
    guard let run = outlook.sighting.runs.first(where: { $0.name == name }) else {
      throw APIError(
        .notFound, request: "PATCH upgraderuns \(outlook.namespace)/\(name)",
        detail: "the run is not there any more")
    }
    return run
  }

  // MARK: - The answer

  private func answer(_ deed: Deed, _ id: String) async throws(CommandFailure) -> ExitStatus {
    guard options.wait > .zero else {
      output.line("Written; the answer was not waited for.")
      output.object(body(deed, id, outcome: "Written", "the answer was not waited for"))
      return .done
    }
    let end = cluster.clock.now() + options.wait
    while true {
      let outlook = try await cluster.service(service)
      switch deed.result(outlook, as: id) {
      case .taken?:
        let place = outlook.runSentence ?? "no run is open"
        output.line(.good("Taken"), Span("; \(outlook.key) is \(outlook.standing.text): \(place)."))
        output.object(body(deed, id, outcome: "Taken", outlook.standing.text))
        return .done
      case .refused(let reason)?:
        throw CommandFailure(
          .failed, "Refused",
          "The operator did not follow the \(deed.title): \(reason). "
            + "\(outlook.words("status")) shows how things are.")
      case nil: break
      }
      guard cluster.clock.now() < end, !Task.isCancelled else {
        return unanswered(deed, id, outlook)
      }
      await cluster.clock.sleep(until: cluster.clock.now() + Self.pause)
    }
  }

  /// What was written stays, and is taken up whenever an operator looks.
  private func unanswered(_ deed: Deed, _ id: String, _ outlook: ServiceOutlook) -> ExitStatus {
    let message =
      "nobody has answered within \(options.wait): the operator may be amid a step, or none "
      + "follows the namespace \(outlook.namespace). What was written stays and is taken up later"
    output.line(
      .warning("Not answered yet"), Span("; \(message): see \(outlook.words("status"))"))
    if deed.order != nil {
      output.line(
        "  ",
        .faint(
          "To take it back before that: kubectl annotate managedservice \(outlook.name) "
            + "--namespace \(outlook.namespace) \(DecisionOrder.prefix)\(id)-"))
    }
    output.object(body(deed, id, outcome: "Unanswered", message))
    return .pending
  }

  private func body(
    _ deed: Deed, _ id: String, outcome: String, _ message: String
  ) -> JSONValue {
    [
      "decision": .string(deed.title), "id": id.isEmpty ? .null : .string(id),
      "run": deed.run.map { .string($0) } ?? .null,
      "effects": .array(deed.effects.map { .string($0) }), "outcome": .string(outcome),
      "message": .string(message),
    ]
  }
}
