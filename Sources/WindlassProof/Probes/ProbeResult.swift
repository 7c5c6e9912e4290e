package import WindlassCore

/// What became of one probe.
package struct ProbeResult: Hashable, Codable, Sendable {
  /// What a probe can come to.
  package enum Outcome: Hashable, Codable, Sendable {
    case passed
    /// What was expected and what came, in words that follow the probe's name and path.
    case failed(String)
    /// Not asked, because a value that it needs was not captured; it counts as no check.
    case skipped(String)
  }

  /// The probe's name, method and path with values put in, fit for a sentence.
  package var title: String
  package var outcome: Outcome
  /// How long the reply took.
  package var duration: Interval

  package init(title: String, outcome: Outcome, duration: Interval) {
    self.title = title
    self.outcome = outcome
    self.duration = duration
  }

  /// What failed, as a sentence without an end; nil when nothing did.
  package var failure: String? {
    guard case .failed(let reason) = outcome else { return nil }
    return "\(title) \(reason)"
  }

  /// Whether the server was asked.
  package var isCheck: Bool {
    switch outcome {
    case .passed, .failed: true
    case .skipped: false
    }
  }
}

/// What became of a release's probes, asked once in their order.
package struct ProbeSetResult: Hashable, Sendable {
  package var results: [ProbeResult]
  /// What the replies gave, by the name of the capture.
  package var captures: ProbeCaptures

  package init(results: [ProbeResult] = [], captures: ProbeCaptures = [:]) {
    self.results = results
    self.captures = captures
  }

  /// Probes that were asked.
  package var checks: Int { results.count { $0.isCheck } }

  /// What failed, in the order of the probes.
  package var failures: [String] { results.compactMap(\.failure) }

  /// Whether something was asked and nothing failed; 0 checks show nothing.
  package var isPassed: Bool { checks > 0 && failures.isEmpty }
}
