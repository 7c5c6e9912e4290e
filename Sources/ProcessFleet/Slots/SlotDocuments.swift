import FoundationEssentials
import WindlassCore

/// What the leader tells the sidecar of one replica; the newest alone counts.
struct SlotOrders: Hashable, Codable, Sendable {
  /// What is wished for one instance.
  enum Wish: String, Codable, Sendable {
    /// To be started, once.
    case run
    /// To end.
    case stop
    /// To be on record no more.
    case forget
  }

  /// Probes to be put to an instance.
  struct Question: Hashable, Codable, Sendable {
    /// Tells one question from every other of the slot.
    var number: Int64
    var probes: [Probe]
  }

  /// One instance.
  struct Entry: Hashable, Codable, Sendable {
    var start: StartOrder
    var wish = Wish.run
    /// The number of the orders in which the wish was first written.
    var since: Int64
    var question: Question?
  }

  /// Grows by one with each change.
  var sequence: Int64 = 0
  var entries: [Entry] = []

  /// The entry of an instance.
  subscript(id: InstanceID) -> Entry? { entries.first { $0.start.id == id } }

  /// The next orders, with one entry changed.
  func changing(_ id: InstanceID, _ change: (inout Entry) -> Void) -> SlotOrders {
    var next = self
    next.sequence += 1
    for index in next.entries.indices where next.entries[index].start.id == id {
      let wish = next.entries[index].wish
      change(&next.entries[index])
      if next.entries[index].wish != wish { next.entries[index].since = next.sequence }
    }
    return next
  }
}

/// What the sidecar of one replica tells the leader.
struct SlotReport: Hashable, Codable, Sendable {
  /// An order that could not be carried out, and will not be.
  struct Refusal: Hashable, Codable, Sendable {
    var id: InstanceID
    var failure: StepFailure
  }

  /// The answer to a question.
  struct Answer: Hashable, Codable, Sendable {
    var number: Int64
    /// What failed; nil when all probes passed.
    var failure: String?
  }

  /// The number of the newest orders that the instances here take into account.
  var taken: Int64 = 0
  var instances: [InstanceReading] = []
  var refusals: [Refusal] = []
  var answers: [Answer] = []
  /// Why the newest orders could not be carried out yet; empty when they were.
  var trouble = ""
}

/// Documents as they stand in a slot.
enum SlotText {
  /// Writes a document.
  static func write(_ document: some Encodable) throws(StepFailure) -> String {
    let encoder = JSONEncoder()
    encoder.outputFormatting = [.sortedKeys, .withoutEscapingSlashes]
    do {
      let bytes = try encoder.encode(document)
      guard bytes.count <= Bounds.slotSizeMax else {
        throw StepFailure(
          code: "SlotFull", disposition: .stop,
          message: "a slot would hold \(bytes.count) bytes, and takes \(Bounds.slotSizeMax): let "
            + "go of dead instances")
      }
      return String(decoding: bytes, as: UTF8.self)
    } catch let failure as StepFailure {
      throw failure
    } catch {
      throw SlotText.unreadable("\(error)")
    }
  }

  /// Reads a document; no text stands for what stands before the first.
  static func read<Document: Decodable>(
    _ text: String, before first: Document
  ) throws(StepFailure) -> Document {
    guard !text.isEmpty else { return first }
    do {
      return try JSONDecoder().decode(Document.self, from: Data(text.utf8))
    } catch {
      throw SlotText.unreadable("\(error)")
    }
  }

  private static func unreadable(_ reason: String) -> StepFailure {
    StepFailure(
      code: "SlotUnreadable", disposition: .stop,
      message: "a slot of the service does not hold what this version writes (\(reason)): let all "
        + "sidecars be of one version")
  }
}
