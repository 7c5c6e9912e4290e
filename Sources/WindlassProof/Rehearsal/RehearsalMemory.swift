import FoundationEssentials
package import WindlassCore
import WindlassSchema

/// What a rehearsal that goes on in turns has found so far, so that each turn begins where the last
/// one ended.
///
/// A turn goes through the whole rehearsal from its beginning; what is in here is taken from here,
/// and what is not is done. So the order of the parts, and every judgement, is written once.
package struct RehearsalMemory: Codable, Sendable {
  /// One thing that was done.
  private struct Entry: Codable {
    var title: String
    var duration: Interval
    var value: Data
  }

  /// Tells this rehearsal from others of the same run.
  package let generation: String
  private var entries: [Entry] = []
  /// Entries that this turn has taken.
  private var taken = 0

  private enum CodingKeys: String, CodingKey { case generation, entries }

  /// The memory of a rehearsal that has not begun.
  package init(generation: String) { self.generation = generation }

  /// The time that was spent so far, visits included.
  var spent: Interval {
    Interval(milliseconds: entries.reduce(0) { $0 + $1.duration.milliseconds })
  }

  /// The memory as a file keeps it.
  package var bytes: [UInt8] {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys]
    // Numbers, texts and lists of them: nothing that JSON has no form for.
    return (try? encoder.encode(self)).map { Array($0) } ?? []
  }

  /// Reads what a file kept; nil for bytes that are no memory of this version.
  package init?(_ bytes: [UInt8]) {
    // What is wrong with them helps nobody: the rehearsal begins anew.
    guard let memory = try? JSONDecoder().decode(RehearsalMemory.self, from: Data(bytes)) else {
      return nil
    }
    self = memory
  }

  // MARK: - Taking and keeping

  /// The memory as a turn begins with it.
  var rewound: RehearsalMemory {
    var memory = self
    memory.taken = 0
    return memory
  }

  /// What was done next under that title; nil when this was not done yet.
  ///
  /// - Throws: `StepFailure` when something else was done: the rehearsal has to begin anew.
  mutating func recall<Value: Decodable>(
    _ title: String, as type: Value.Type
  ) throws(StepFailure) -> (value: Value, duration: Interval)? {
    guard taken < entries.count else { return nil }
    let entry = entries[taken]
    guard entry.title == title,
      let value = try? JSONDecoder().decode(Value.self, from: entry.value)
    else { throw .rehearsalSpoiled("it remembers \"\(entry.title)\" instead of \"\(title)\"") }
    taken += 1
    return (value, entry.duration)
  }

  /// Keeps what was done.
  mutating func note(_ title: String, _ value: some Encodable, _ duration: Interval) {
    // As `bytes`: all of this is made of numbers and texts.
    guard let value = try? JSONEncoder().encode(value) else { return }
    entries.append(Entry(title: title, duration: duration, value: value))
    taken = entries.count
  }

  // MARK: - Visits

  /// The account of a visit; nil when nobody has carried it out.
  mutating func visit(_ request: VisitRequest) throws(StepFailure) -> ServerVisit? {
    try recall(Self.title(request), as: ServerVisit.self)?.value
  }

  /// Keeps the account of the visit that the last turn asked for.
  package mutating func add(_ visit: ServerVisit, to request: VisitRequest) {
    note(Self.title(request), visit, visit.duration ?? .zero)
  }

  private static func title(_ request: VisitRequest) -> String {
    "visit \(request.part.rawValue) on \(request.copy)"
  }
}

extension StepFailure {
  /// The code of a rehearsal in turns that can't go on and has to begin anew.
  package static let rehearsalSpoiledCode = "RehearsalSpoiled"

  /// A turn was cut off, or its copies are not as it left them.
  package static func rehearsalSpoiled(_ reason: String) -> StepFailure {
    StepFailure(
      code: rehearsalSpoiledCode, disposition: .retry,
      message:
        "the rehearsal can't go on where it was cut off (\(reason)); it begins anew by itself")
  }
}

/// A copy as it is remembered: without a URL that holds a password, which nobody needs who finds
/// the copy by its label.
struct CopyNote: Codable, Sendable {
  private var label: String
  private var file: String?

  init(_ copy: ScratchCopy) {
    label = copy.label
    whole = copy
    file = copy.url.hasPrefix("sqlite:") ? copy.url : nil
  }

  /// The copy, with its URL in the turn that made it.
  var copy: ScratchCopy { whole ?? ScratchCopy(label: label, url: file ?? "") }

  private var whole: ScratchCopy?

  private enum CodingKeys: String, CodingKey { case label, file }
}
