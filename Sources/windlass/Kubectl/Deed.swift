import KubernetesFleet
import WindlassCore
import WindlassWire

/// What a decision comes to, as it is shown before it is written: two looks that lead to the same
/// deed are of the same situation.
struct Deed: Hashable {
  /// What is written, and where the answer is found.
  enum Writing: Hashable {
    /// There is nothing to write, and this is why.
    case nothing(String)
    case pause
    /// Takes a pause away, or writes `resume`, or both.
    case resume(unpauses: Bool, DecisionOrder?)
    case order(DecisionOrder)
    /// Approves a run; by whom.
    case approve(RunID, by: String)
  }

  /// `rollback of shop/beacon`.
  var title: String
  /// The run that it is meant for, in words; nil where it is about none.
  var run: String?
  /// What follows, a sentence each.
  var effects: [String] = []
  /// Whether it can't be taken back, so that the person is asked once more.
  var isGrave = false
  var writing: Writing

  /// The order that it writes.
  var order: DecisionOrder? {
    switch writing {
    case .order(let order): order
    case .resume(_, let order): order
    case .nothing, .pause, .approve: nil
    }
  }

  /// The change that brings it into the cluster; nil where nothing is to be written.
  ///
  /// - Parameter id: What its order is found by.
  func change(_ id: String) -> PersonsChange? {
    switch writing {
    case .nothing: nil
    case .pause: .service(paused: true)
    case .resume(let unpauses, let order):
      .service(paused: unpauses ? false : nil, order.map { (id, $0) })
    case .order(let order): .service((id, order))
    case .approve(let run, let by): .approval(of: run.text, by: by)
    }
  }

  /// Whether it stands in the cluster already, or was taken from there.
  func isWritten(_ outlook: ServiceOutlook, as id: String) -> Bool {
    let isOrdered =
      order == nil || answer(outlook, to: id) != nil
      || outlook.sighting.object.annotations[DecisionOrder.prefix + id] != nil
    switch writing {
    case .nothing: return true
    case .pause: return outlook.isPauseWanted
    case .resume(let unpauses, _): return isOrdered && !(unpauses && outlook.isPauseWanted)
    case .order: return isOrdered
    case .approve(let run, _):
      let object = outlook.sighting.runs.first { $0.name == run.text }
      return !(object?.body.value(at: "/spec/approvedBy")?.string ?? "").isEmpty
    }
  }

  /// What became of it; nil while the operator has not said so.
  func result(_ outlook: ServiceOutlook, as id: String) -> DecisionResult? {
    let told = answer(outlook, to: id)
    if let told, told.outcome == .refused { return .refused(told.message) }
    let isTaken: Bool
    switch writing {
    case .nothing: isTaken = true
    case .pause: isTaken = outlook.sighting.record?.isPaused ?? false
    case .resume(let unpauses, let order):
      let isOn = !unpauses || outlook.sighting.record?.isPaused == false
      isTaken = isOn && (order == nil || told != nil)
    case .order: isTaken = told != nil
    case .approve(let run, _):
      let isStillThere = outlook.run?.plan.run == run && outlook.waitsForApproval
      isTaken = outlook.sighting.record != nil && !isStillThere
    }
    return isTaken ? .taken : nil
  }

  private func answer(_ outlook: ServiceOutlook, to id: String) -> DecisionStatus? {
    outlook.status.decisions?.first { $0.id == id }
  }
}

/// What became of a decision.
enum DecisionResult: Hashable {
  case taken
  /// Not followed, for this reason.
  case refused(String)
}
