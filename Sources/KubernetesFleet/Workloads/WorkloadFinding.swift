package import WindlassCore

/// What a workload's settings mean for a roll, found before anything is changed.
package struct WorkloadFinding: Hashable, Sendable {
  /// What was found; closed, so it may label a metric.
  package enum Code: String, Sendable, CaseIterable {
    /// None of the pods' containers is the one that is named.
    case containerMissing
    /// Several containers, and none is named.
    case containerUnnamed
    /// No replicas are wanted.
    case nothingRuns
    /// The only pod would be taken away before another one serves.
    case onlyOneReplica
    /// Somebody holds the workload.
    case pausedByOther
    /// Fields that orders write are somebody else's.
    case fieldsOwned
    /// The image that runs is named by a tag alone.
    case imageWithoutDigest
    /// Nothing tells when a pod can serve.
    case noReadinessProbe
    /// Pods are told to stop before everyone has learnt that they go.
    case noEndpointDelay
    /// Pods are killed before what they have accepted can end.
    case graceTooShort
    /// A PodDisruptionBudget allows no pod to be missing.
    case budgetAllowsNone
    /// An autoscaler changes the number of replicas.
    case autoscaled
    /// Nothing bounds the new release but the order of removal.
    case unboundedByController
    /// Something could not be read, so that nothing is known of it.
    case unread
  }

  /// What it means for a roll.
  package enum Weight: String, Sendable {
    /// A roll would break a promise, or can't be written.
    case blocks
    /// A roll works; a person should know.
    case warns
  }

  package var code: Code
  package var weight: Weight
  /// What was found, about which object, and what to do.
  package var message: String

  package init(_ code: Code, _ weight: Weight, _ message: String) {
    self.code = code
    self.weight = weight
    self.message = message
  }
}

/// How long the end of a pod takes.
package struct DrainRules: Hashable, Sendable {
  /// Until everything that sends requests has learnt that a pod goes; up to 30 s in big clusters.
  package var endpointDelay: Interval
  /// From SIGTERM until what was accepted has ended.
  package var drain: Interval

  package init(endpointDelay: Interval = .seconds(10), drain: Interval = .seconds(15)) {
    self.endpointDelay = endpointDelay
    self.drain = drain
  }
}
