import WindlassWire

/// What became of a person's decision that was written as an annotation.
package struct DecisionStatus: DocumentPart, Hashable {
  /// Whether it was followed.
  package enum Outcome: String, DocumentChoice {
    case taken = "Taken"
    case refused = "Refused"
  }

  package var id = ""
  package var choice = ""
  package var by = ""
  package var outcome = Outcome.taken
  package var message = ""
  package var time = ""

  package init() {}

  package static var fields: [DocumentField<DecisionStatus>] {
    [
      DocumentField("id", \.id, "The end of the annotation's name.", .length(1...63)),
      DocumentField("choice", \.choice, "What was decided.", .length(1...63)),
      DocumentField("by", \.by, "Who decided, by his own word.", .length(0...256)),
      DocumentField("outcome", \.outcome, "Whether it was followed."),
      DocumentField("message", \.message, "Why not, for people.", .length(0...1_024)),
      DocumentField("time", \.time, "When this was found.", .format("date-time")),
    ]
  }
}

extension DecisionStatus {
  /// The answer as it is sent.
  var json: JSONValue {
    [
      "id": .string(id), "choice": .string(choice), "by": .string(by),
      "outcome": .string(outcome.rawValue), "message": .string(message), "time": .string(time),
    ]
  }
}
