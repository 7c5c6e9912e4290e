@testable import KubernetesFleet

/// One thing that goes wrong at one place of a course.
struct OperatorPlan: Hashable, Sendable, CustomStringConvertible {
  /// What goes wrong.
  enum Fault: Hashable, Sendable {
    /// The operator dies when the server has carried the write out, and another one is started.
    case kill(after: SeenRequest)
    /// The server carries the request out, and the operator sees a connection that broke.
    case loseReply(to: SeenRequest)
    /// The event never comes.
    case skip(SeenEvent)
    /// The operator dies when the server has carried the write out, and for the next one what is
    /// watched is for a while as it was before the event.
    case rewind(before: SeenEvent, after: SeenRequest)
  }

  var fault: Fault

  var description: String {
    switch fault {
    case .kill(let request): "\(request)"
    case .loseReply(let request): "\(request)"
    case .skip(let event): "\(event)"
    case .rewind(let event, let request): "\(event) | \(request)"
    }
  }

  /// The kind of its fault, in a word.
  var kind: String {
    switch fault {
    case .kill: "kill"
    case .loseReply: "lost-reply"
    case .skip: "skipped-event"
    case .rewind: "stale-list"
    }
  }

  /// Every plan for what took place in a run that nothing disturbed.
  ///
  /// A stale list is there for each write and each collection that is watched: as it was before
  /// the last event of the collection that came before the write. Leases and Events are no writes
  /// that anything follows from, so that they make no pairs.
  static func all(for entries: [TrafficHistory.Entry]) -> [OperatorPlan] {
    var kills: [OperatorPlan] = []
    var losses: [OperatorPlan] = []
    var skips: [OperatorPlan] = []
    var rewinds: [OperatorPlan] = []
    var last: [String: SeenEvent] = [:]
    for entry in entries {
      switch entry.traffic {
      case .request(let request, _):
        losses.append(OperatorPlan(fault: .loseReply(to: request)))
        guard request.changes else { continue }
        kills.append(OperatorPlan(fault: .kill(after: request)))
        guard !request.isBookkeeping else { continue }
        for event in last.sorted(by: { $0.key < $1.key }).map(\.value) {
          rewinds.append(OperatorPlan(fault: .rewind(before: event.place, after: request)))
        }
      case .event(let event) where !event.isInitial:
        last[event.watch] = event
        skips.append(OperatorPlan(fault: .skip(event.place)))
      case .event: break
      }
    }
    return kills + losses + skips + rewinds
  }
}

extension SeenRequest {
  /// Whether it is of a Lease or an Event.
  var isBookkeeping: Bool {
    resource.hasPrefix("leases.") || resource.hasPrefix("events.")
  }
}
