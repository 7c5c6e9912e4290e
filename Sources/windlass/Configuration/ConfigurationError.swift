/// What is wrong with a configuration file, where, and what would be right.
struct ConfigurationError: Error, Hashable {
  /// The file, the document in it, and the service that the document is about.
  struct Place: Hashable, Sendable {
    var file: String
    /// From 1; nil when the file as a whole is wrong.
    var document: Int?
    var service: String?
  }

  var place: Place
  /// Such as `spec.rollout.canary`; nil when no field is to blame.
  var field: String?
  /// From 1, where it is known.
  var line: Int?
  /// What was found, as the rest of a sentence that begins with the field.
  var found: String
  /// What is allowed, as a sentence.
  var allowed: String

  /// The error as one paragraph.
  var message: String {
    var text = "The configuration \(place.file)"
    if let document = place.document {
      text += ", document \(document)"
      if let service = place.service { text += " (\(service))" }
    }
    if let line { text += ", line \(line)" }
    if let field { text += ": \(field) \(found)." } else { text += " \(found)." }
    return text + " " + allowed
  }

  /// The error as a command reports it.
  var failure: CommandFailure { CommandFailure(.usage, "BadConfiguration", message) }
}
