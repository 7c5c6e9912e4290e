package import KubernetesFleet
package import WindlassCore

/// Does in the place of containers what a `StandInNode` says that they did.
package protocol StandInWork: Sendable {
  /// Carries a step out, and returns what it says at its end.
  func carryOut(_ step: StandInStep) async -> StepMessage

  /// A pod that is no step's runs from now on.
  func began(_ pod: KubernetesObject)

  /// A pod that is no step's does not run any more.
  func ended(_ pod: KubernetesObject)
}

/// One step as its pod's arguments tell it.
package struct StandInStep: Sendable {
  package let order: StepOrder
  /// The digest of the document that the step would read.
  package let plan: Digest
  /// What the fence must say; nil where the pod was not told.
  package let epoch: Epoch?
  /// The namespace and the name of the service.
  package let service: String
  package let pod: KubernetesObject
  /// The plan of the run, as the step's document has it; nil for a step of none.
  package let run: Plan?
}

/// How long what a `StandInNode` does takes.
package struct StandInPace: Hashable, Sendable {
  /// From a pod's binding to its readiness, or to a step's first deed.
  package var start: Interval
  /// From a step's deed to its end.
  package var step: Interval
  /// From the deletion of a pod to its end.
  package var drain: Interval

  /// Everything takes that long; by default no time.
  package init(
    start: Interval = .zero, step: Interval = .zero, drain: Interval = .zero
  ) {
    self.start = start
    self.step = step
    self.drain = drain
  }
}
