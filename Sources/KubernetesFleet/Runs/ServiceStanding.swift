import WindlassCore

/// What a service comes to in one word, for figures: each service is in exactly one of these.
package enum ServiceStanding: String, CaseIterable, Hashable, Sendable {
  /// It was not taken up yet since this operator leads.
  case starting
  /// Something is wrong with the object itself, such as its wish; nothing is done for it.
  case notDriven = "not_driven"
  /// It, or its run, waits for a person, for evidence, or for something outside to change.
  case blocked
  /// There is something to do, and it waits for its turn.
  case waiting
  /// Nothing is begun or gone on with before a person resumes.
  case paused
  /// A run is open and goes on.
  case progressing
  /// No run is open, and as many instances are ready as are wanted.
  case ready
  /// No run is open, and it is not ready, or not known to be.
  case unready

  /// How the service of a summary stands.
  package init(_ news: StatusNews) {
    if news.trouble != nil {
      self = .notDriven
    } else if news.block != nil {
      self = .blocked
    } else if news.waiting != nil {
      self = .waiting
    } else if news.record.isPaused {
      self = .paused
    } else if news.record.run != nil {
      self = .progressing
    } else if case .yes = StatusSummary.ready(news) {
      self = .ready
    } else {
      self = .unready
    }
  }
}
