package import WindlassCore

/// Keeps the slot of one replica: tells the leader what runs here, and does what it orders.
package actor SlotKeeper {
  private let replica: ReplicaID
  private let coordination: any Coordination
  private let fleet: any Fleet
  private let artifacts: any ArtifactStore
  private var report = SlotReport()

  /// Keeps the replica's slot; nothing is read or written before the first beat.
  ///
  /// - Parameter fleet: The instances of this replica alone.
  package init(
    _ replica: ReplicaID, _ coordination: any Coordination, fleet: any Fleet,
    artifacts: any ArtifactStore
  ) {
    self.replica = replica
    self.coordination = coordination
    self.fleet = fleet
    self.artifacts = artifacts
  }

  /// Tells what runs, and carries the newest orders out; to be called again and again, by one task.
  package func beat() async throws(StepFailure) {
    let orders = try await tell()
    // Also when they are fewer: a slot that was let go begins anew.
    guard orders.sequence != report.taken || !report.trouble.isEmpty else { return }
    await carryOut(orders)
    // Whoever ordered it waits for it.
    _ = try await tell()
  }

  /// Tells what runs, and returns what is ordered.
  private func tell() async throws(StepFailure) -> SlotOrders {
    report.instances = try await fleet.observe().instances
    let text = try await coordination.report(SlotText.write(report), of: replica)
    return try SlotText.read(text, before: SlotOrders())
  }

  private func carryOut(_ orders: SlotOrders) async {
    let named = Set(orders.entries.map(\.start.id))
    report.refusals.removeAll { !named.contains($0.id) }
    report.trouble = ""
    for entry in orders.entries {
      do throws(StepFailure) {
        try await carryOut(entry)
      } catch {
        if entry.wish == .run, error.disposition == .stop {
          report.refusals.append(SlotReport.Refusal(id: entry.start.id, failure: error))
        } else {
          report.trouble = error.description
        }
      }
    }
    let asked = Set(orders.entries.compactMap(\.question?.number))
    report.answers.removeAll { !asked.contains($0.number) }
    // What is not carried out yet is not taken, and is tried again with the next beat.
    if report.trouble.isEmpty { report.taken = orders.sequence }
  }

  private func carryOut(_ entry: SlotOrders.Entry) async throws(StepFailure) {
    let id = entry.start.id
    switch entry.wish {
    case .run:
      guard !report.refusals.contains(where: { $0.id == id }) else { return }
      if !report.instances.contains(where: { $0.id == id }) {
        try await artifacts.prepare(entry.start.release)
        try await fleet.start(entry.start)
      }
      try await answer(entry)
    case .stop: try await fleet.stop(id)
    case .forget:
      do throws(StepFailure) {
        try await fleet.forget(id)
      } catch  where error.code == "InstanceAlive" {
        // The next report says that it lives.
      }
    }
  }

  private func answer(_ entry: SlotOrders.Entry) async throws(StepFailure) {
    guard let question = entry.question,
      !report.answers.contains(where: { $0.number == question.number })
    else { return }
    let failure = try await fleet.probe(entry.start.id, with: question.probes)
    report.answers.append(SlotReport.Answer(number: question.number, failure: failure))
  }
}
