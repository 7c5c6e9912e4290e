package import WindlassCore
import WindlassWire

/// The proof, carried out by Jobs.
///
/// Of releases that are archives one Job does it all. Of images a Job goes on until a server has
/// to be visited; another Job, made from the workload's own pods, runs that server and its probes;
/// the next one goes on from there. What was found lies on the volume of backups and in the Jobs'
/// messages, so that the next daemon goes on where this one was killed. A rehearsal that was cut
/// off, and whose copies are no longer what they were, begins anew.
package struct JobRehearsal: Rehearsal {
  private let runner: StepRunner

  package init(_ runner: StepRunner) { self.runner = runner }

  package func rehearse(
    _ plan: Plan, on backup: BackupID
  ) async throws(StepFailure) -> Verdict {
    try runner.check(plan)
    var beginnings = 0
    while true {
      beginnings += 1
      do throws(StepFailure) {
        return try await carryOut(on: backup)
      } catch {
        guard error.code == StepFailures.spentCode, beginnings < StepBounds.rehearsalsMax else {
          throw error
        }
      }
    }
  }

  private func carryOut(on backup: BackupID) async throws(StepFailure) -> Verdict {
    var message = try await runner.perform(.prove(backup))
    for _ in 0..<StepBounds.visitsMax {
      switch message.result {
      case .verdict(let verdict): return verdict
      case .waits(let question):
        let outcome = try await visit(question)
        message = try await runner.perform(.goOn(backup, after: outcome))
      default: throw message.unfit
      }
    }
    throw message.unfit
  }

  /// Has a server visited; a pod that can't be isolated, or whose server can't be started, is an
  /// outcome too.
  private func visit(_ question: VisitQuestion) async throws(StepFailure) -> VisitOutcome {
    let order = StepOrder.visit(question)
    var outcome = VisitOutcome(
      generation: question.generation, turn: question.turn, account: nil)
    do throws(StepFailure) {
      let message = try await runner.perform(order, template: try await template())
      guard case .visited(let account) = message.result else { throw message.unfit }
      outcome.account = account
    } catch {
      guard error.code == StepFailures.notIsolatedCode else { throw error }
      outcome.refusal = error.message
    }
    outcome.server = runner.server(of: order)
    return outcome
  }

  /// The workload's pod template as it is now.
  private func template() async throws(StepFailure) -> JSONValue {
    let fleet = runner.scope.wish.fleet
    guard let type = fleet.workloadType, let workload = fleet.workload else {
      throw StepFailure(
        code: "NoWorkload", disposition: .stop,
        message: "A rehearsal of images needs a workload to make a pod from, and spec.fleet of"
          + " \(runner.scope.document.service) names none.")
    }
    let reference = ObjectReference(type, workload.name, in: runner.scope.settings.namespace)
    let found: KubernetesObject?
    do throws(APIError) {
      found = try await runner.client.get(reference)
    } catch {
      throw StepFailure(
        code: "WorkloadUnreadable", disposition: error.disposition == .stop ? .stop : .retry,
        message: "\(reference) can't be read, from whose template a rehearsed server's pod is made:"
          + " \(error.description)")
    }
    guard let template = found?.body.value(at: "/spec/template") else {
      throw StepFailure(
        code: "WorkloadMissing", disposition: .wait,
        message: "\(reference) is not there, from whose template a rehearsed server's pod is made."
          + " Create it, or mend spec.fleet.")
    }
    let names = (template.value(at: "/spec/containers")?.array ?? []).compactMap {
      $0["name"]?.string
    }
    guard names.contains(workload.container) else {
      throw StepFailure(
        code: "ContainerMissing", disposition: .stop,
        message: "\(reference) has no container \(workload.container), whose server is to be"
          + " rehearsed; it has \(names.joined(separator: ", ")). Mend spec.fleet.")
    }
    return template
  }
}

extension StepRunner {
  /// How the server beside an order's step fared, as it was seen last.
  fileprivate func server(of order: StepOrder) -> ServerEnd {
    let pods = watch.sightings.pods(of: StepName.order(scope, order))
    return pods.last { $0.hasEnded }?.server?.end ?? ServerEnd()
  }
}
