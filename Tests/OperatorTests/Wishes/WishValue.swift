import WindlassWire

/// One wish that is tried, and what has to come of it.
struct WishValue: Sendable {
  /// What whoever wrote the wish has to be told.
  enum Reaction: Hashable, Sendable {
    /// The API server refuses the wish and names the field.
    case refused(field: String)
    /// The API server refuses a field that it does not know, by its path.
    case unknown(field: String)
    /// The operator refuses it: `Ready` is false for `BadConfiguration`, and names the field.
    case declined(field: String)
    /// A condition says so, with all of these words in reason and message.
    case told(words: [String])
    /// A run needs it before anybody can tell; nothing shows before, and nothing breaks.
    case quiet
    /// It is as good as the usual wish.
    case good

    /// Whether the API server takes the wish.
    var isAdmitted: Bool {
      switch self {
      case .refused, .unknown: false
      case .declined, .told, .quiet, .good: true
      }
    }
  }

  /// The field that is tried, such as `spec.windows[].min`.
  let path: String
  /// What is wrong or other about the value, in a few words.
  let kind: String
  /// The whole wish.
  let spec: JSONValue
  let reaction: Reaction
}
