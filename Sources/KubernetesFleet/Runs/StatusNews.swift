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
  /// What became of decisions since they were last told.
  package var answers: [DecisionStatus]
  package var now: Timestamp

  package init(
    shared: SharedState, feed: FeedReport, generation: Int64, trouble: StepFailure? = nil,
    waiting: Block? = nil, answers: [DecisionStatus] = [], now: Timestamp
  ) {
    self.shared = shared
    self.feed = feed
    self.generation = generation
    self.trouble = trouble
    self.waiting = waiting
    self.answers = answers
    self.now = now
  }

  package init(
    state: ServiceState, feed: FeedReport, generation: Int64, trouble: StepFailure? = nil,
    waiting: Block? = nil, answers: [DecisionStatus] = [], now: Timestamp
  ) {
    self.init(
      shared: SharedState(state), feed: feed, generation: generation, trouble: trouble,
      waiting: waiting, answers: answers, now: now)
  }

  /// The service as its operator knows it.
  package var state: ServiceState {
    get { shared.state }
    set { shared = SharedState(newValue) }
  }

  var record: ServiceRecord { state.record }

  /// What holds the service or its run back.
  var block: Block? { record.run?.block ?? record.block }
}
