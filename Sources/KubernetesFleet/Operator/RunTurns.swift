import Synchronization
package import WindlassCore

/// Lets so many services be at work at a time; the others wait, and begin in the order in which
/// they asked.
///
/// A service is at work from its first Job until it is at rest, or stands still for a person. Runs
/// that an earlier leader left open are at work already, however many there are: nothing new begins
/// before it is known of every service whether it has one.
package final class RunTurns: Sendable {
  private struct State: Sendable {
    var working: Set<String> = []
    /// Who asked and does not work yet, the oldest first.
    var queue: [String] = []
    /// What of those in the queue stands and waits.
    var waiting: [String: [CheckedContinuation<Bool, Never>]] = [:]
    /// Services whose journals nobody has read yet.
    var unread: Set<String> = []
    /// Who is told now, and whether it is his turn.
    var answers: [(CheckedContinuation<Bool, Never>, Bool)] = []

    /// Tells whoever stands and waits for a service.
    mutating func answer(_ service: String, _ isTurn: Bool) {
      answers += (waiting.removeValue(forKey: service) ?? []).map { ($0, isTurn) }
    }

    /// Lets a service in that waits for nobody.
    mutating func begin(_ service: String) {
      queue.removeAll { $0 == service }
      working.insert(service)
      answer(service, true)
    }

    /// Lets those in who waited longest.
    mutating func letIn(upTo workingMax: Int) {
      while unread.isEmpty, working.count < workingMax, !queue.isEmpty {
        let service = queue.removeFirst()
        working.insert(service)
        answer(service, true)
      }
    }
  }

  /// The code of whoever was called away while he waited.
  package static let waiting = "WaitsForTurn"

  private let workingMax: Int
  private let state = Mutex(State())

  /// Turns for that many services at a time, at least one.
  package init(workingMax: Int) { self.workingMax = max(1, workingMax) }

  // MARK: - Who is there

  /// Notes services of which it is not known yet whether a run is open.
  package func expect(_ services: some Sequence<String>) {
    change { $0.unread.formUnion(services) }
  }

  /// Notes that a service's journal was read, or can't be; one with an open run is at work.
  package func declare(_ service: String, isOpen: Bool) {
    change { state in
      state.unread.remove(service)
      if isOpen { state.begin(service) }
    }
  }

  // MARK: - Turns

  /// Returns when it is the service's turn, which it then has until `giveBack`.
  ///
  /// - Parameter isUnderWay: Whether its run has changed something: such a one waits for nobody,
  ///   for what is half done has to be finished or taken back, however many others are at work.
  /// - Throws: With `.wait` when it was called away, or the task was cancelled; its place in the
  ///   queue it keeps.
  package func take(
    _ service: String, isUnderWay: Bool = false
  ) async throws(StepFailure) {
    let isTurn = await withTaskCancellationHandler {
      await withCheckedContinuation { continuation in
        change { state in
          if isUnderWay { state.begin(service) }
          guard !state.working.contains(service), !Task.isCancelled else {
            state.answers.append((continuation, state.working.contains(service)))
            return
          }
          if !state.queue.contains(service) { state.queue.append(service) }
          state.waiting[service, default: []].append(continuation)
        }
      }
    } onCancel: {
      callAway(service)
    }
    guard !isTurn else { return }
    throw StepFailure(code: Self.waiting, disposition: .wait, message: message)
  }

  /// Has a service look at something else for a moment; its place in the queue it keeps.
  package func callAway(_ service: String) {
    change { $0.answer(service, false) }
  }

  /// Whether it is a service's turn now.
  package func isTurn(of service: String) -> Bool {
    state.withLock { $0.working.contains(service) }
  }

  /// Gives a turn back; without one nothing happens.
  package func giveBack(_ service: String) {
    change { _ = $0.working.remove(service) }
  }

  /// Forgets a service that is driven no more.
  package func leave(_ service: String) {
    change { state in
      state.working.remove(service)
      state.unread.remove(service)
      state.queue.removeAll { $0 == service }
      state.answer(service, false)
    }
  }

  // MARK: - What is shown

  /// Services at work now.
  package var workingCount: Int { state.withLock { $0.working.count } }

  /// Services that wait for their turn.
  package var waitingCount: Int { state.withLock { $0.queue.count } }

  /// Why a service does nothing although there is something to do; nil while it does not wait.
  package func block(of service: String) -> Block? {
    let waits = state.withLock { $0.queue.contains(service) }
    return waits ? Block(code: Self.waiting, message: message) : nil
  }

  private var message: String {
    "as many services are at work as may be at a time (\(workingMax)): this one begins when it is"
      + " its turn"
  }

  /// Changes the state, lets in who may, and tells them once nobody holds the state.
  private func change(_ body: (inout State) -> Void) {
    let answers = state.withLock { state in
      body(&state)
      state.letIn(upTo: workingMax)
      defer { state.answers = [] }
      return state.answers
    }
    for (continuation, isTurn) in answers { continuation.resume(returning: isTurn) }
  }
}
