import WindlassCore
import WindlassWire

/// Where a service's journal is, apart from the journal itself: an annotation of the
/// ManagedService, by which a lost status is missed.
struct JournalMark: Hashable, Sendable {
  /// The run's object that holds the newest records.
  struct Place: Hashable, Sendable {
    var run: RunID
    var uid: String
  }

  /// The annotation's name.
  static let annotation = "windlass.dev/journal"
  /// What a person writes to let Windlass begin as on first contact.
  static let forgotten = "forget"
  /// The format that this build writes, and the newest that it reads.
  static let format: Int64 = 1

  /// A record that was durable when the mark was written; nothing that is older is the newest.
  var number: UInt64
  /// The first record that counts; older ones are from before a person let them be forgotten.
  var first: UInt64
  /// Grows with each mark, so that whoever knows an earlier one can't write over a later one.
  var term: UInt64
  /// The run that holds the newest records; nil for the service itself.
  var place: Place?

  /// The annotation's value.
  var text: String {
    let head = "\(JournalMark.format) \(number) \(first) \(term)"
    guard let place else { return head }
    return head + " \(place.run) \(place.uid)"
  }

  /// What an annotation says.
  enum Reading: Hashable, Sendable {
    case absent
    case forgotten
    /// A later build wrote it, in this format.
    case newer(Int64)
    case unreadable
    case mark(JournalMark)
  }

  /// Reads the annotation of a ManagedService.
  static func reading(_ text: String?) -> Reading {
    guard let text else { return .absent }
    if text == forgotten { return .forgotten }
    let words = text.split(separator: " ", omittingEmptySubsequences: false).map(String.init)
    guard let format = words.first.flatMap({ Int64($0) }), format > 0 else { return .unreadable }
    guard format <= JournalMark.format else { return .newer(format) }
    guard words.count == 4 || words.count == 6, let number = UInt64(words[1]),
      let first = UInt64(words[2]), let term = UInt64(words[3])
    else { return .unreadable }
    let place = words.count == 6 ? Place(run: RunID(words[4]), uid: words[5]) : nil
    return .mark(JournalMark(number: number, first: first, term: term, place: place))
  }
}
