package import WindlassCore

/// What a person wants of a service, once: an annotation of its ManagedService.
///
/// The annotation is `decision.windlass.dev/ID`, where the id is made up by whoever decides and
/// never used again, and its value is this as JSON. It is no field of `spec`, for what a person
/// says once is not a wish that a repository of manifests would put back.
package struct DecisionOrder: Hashable, Codable, Sendable {
  /// What may be wanted. To pause is `spec.policy.paused`, to approve `spec.approvedBy` of a run.
  package enum Choice: String, Codable, Sendable, CaseIterable {
    case resume, rollback, downgrade, quarantine, release, adopt
    case confirmDead = "confirm-dead"

    /// Whether it is about a release.
    package var wantsVersion: Bool {
      switch self {
      case .downgrade, .quarantine, .release, .adopt: true
      case .resume, .rollback, .confirmDead: false
      }
    }
  }

  package var choice: Choice
  /// Who decides, by his own word.
  package var by: String
  package var reason: String?
  /// The release, where the choice is about one.
  package var version: String?
  /// The instance of `confirm-dead`.
  package var instance: String?
  /// The run that was open when the person decided; with another one open it is too late. Required
  /// for `rollback` and `downgrade`.
  package var run: String?
  /// When it was written, to bring several into order.
  package var time: String?

  package init(
    choice: Choice, by: String, reason: String? = nil, version: String? = nil,
    instance: String? = nil, run: String? = nil, time: String? = nil
  ) {
    self.choice = choice
    self.by = by
    self.reason = reason
    self.version = version
    self.instance = instance
    self.run = run
    self.time = time
  }

  /// What annotations of decisions begin with.
  package static let prefix = "decision.windlass.dev/"

  /// The annotation's value.
  package var text: String { StepCoding.text(self) }

  /// Reads an annotation's value; nil for one that is no order, or too long.
  package init?(text: String) {
    guard text.utf8.count <= RunBounds.decisionSizeMax,
      let order = StepCoding.read(DecisionOrder.self, Array(text.utf8)),
      !order.by.isEmpty, order.by.count <= RunBounds.nameLengthMax
    else { return nil }
    self = order
  }

  /// Whether a text may be an id: 8 to 40 lower-case letters, digits and hyphens.
  package static func isID(_ text: String) -> Bool {
    let bytes = Array(text.utf8)
    let isPlain = bytes.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x61...0x7A, 0x2D: true
      default: false
      }
    }
    return isPlain && (8...40).contains(bytes.count) && bytes.first != 0x2D && bytes.last != 0x2D
  }
}

/// A decision that is handed to the service's operator, with what is journaled of it.
package struct DecisionDelivery: Hashable, Sendable {
  /// Tells the decision from every other one.
  package var ticket: String
  package var decision: Decision

  /// What the journal's record of the decision says; its presence before a state says that the
  /// state has the decision in it.
  package var note: String {
    StepCoding.text(DecisionNote(ticket: ticket, decision: decision))
  }
}

/// What the journal keeps of a decision.
struct DecisionNote: Hashable, Codable, Sendable {
  var ticket: String
  var decision: Decision?
}
