package import WindlassCore

/// What a summary of a service is made of.
package struct StatusNews: Hashable, Sendable {
  /// The service as its operator knows it, for who keeps it.
  package var shared: SharedState
  package var feed: FeedReport
  /// The generation of the ManagedService that all this speaks of.
  package var generation: Int64
  /// What keeps the service from being driven at all; nil while it is.
  package var trouble: StepFailure?
  /// Why nothing is done although there is something to do; nil while that is not so.
  package var waiting: Block?
  /// Why nobody can see what becomes of the step that is under way; nil while that is not so.
  package var hindrance: Block?
  /// What became of decisions since they were last told.
  package var answers: [DecisionStatus]
  package var now: Timestamp

  package init(
    shared: SharedState, feed: FeedReport, generation: Int64, trouble: StepFailure? = nil,
    waiting: Block? = nil, hindrance: Block? = nil, answers: [DecisionStatus] = [],
    now: Timestamp
  ) {
    self.shared = shared
    self.feed = feed
    self.generation = generation
    self.trouble = trouble
    self.waiting = waiting
    self.hindrance = hindrance
    self.answers = answers
    self.now = now
  }

  package init(
    state: ServiceState, feed: FeedReport, generation: Int64, trouble: StepFailure? = nil,
    waiting: Block? = nil, hindrance: Block? = nil, answers: [DecisionStatus] = [],
    now: Timestamp
  ) {
    self.init(
      shared: SharedState(state), feed: feed, generation: generation, trouble: trouble,
      waiting: waiting, hindrance: hindrance, answers: answers, now: now)
  }

  /// The service as its operator knows it.
  package var state: ServiceState {
    get { shared.state }
    set { shared = SharedState(newValue) }
  }

  var record: ServiceRecord { state.record }

  /// What holds the service or its run back.
  var block: Block? { record.run?.block ?? record.block }

  /// Why the run that ended last came to nothing, as long as the next attempt waits for its time;
  /// nil when none does.
  var refusal: Refusal? {
    guard record.run == nil, let until = record.refusedUntil, now < until,
      let ended = record.pastRuns.last, ended.ending != .completed
    else { return nil }
    let reason = ended.reason ?? Block(code: "RunRefused", message: "no reason is on record")
    return Refusal(
      code: reason.code,
      message: "\(ended.run) to \(ended.to) came to nothing, and another run begins at "
        + "\(until.rfc3339) or when somebody resumes: \(reason.message)",
      until: until)
  }

  /// A run that came to nothing, and is to be tried again.
  struct Refusal: Hashable, Sendable {
    /// Why, in a word.
    var code: String
    /// Why, and when it is tried again.
    var message: String
    var until: Timestamp
  }
}
