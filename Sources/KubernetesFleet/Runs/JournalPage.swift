import WindlassCore
import WindlassWire

/// What tells the stored journal of an object from its past.
struct JournalStamp: Hashable, Sendable {
  var number: Int64?
  var digest: String?
  /// Who wrote it: two daemons may write the same, and only one of them has written it.
  var writer: String?

  /// The stamp of an object's journal as it stands there, right or wrong; nil where there is none.
  init?(_ object: KubernetesObject) {
    guard let journal = object.body["status"]?["journal"], !journal.isNull else { return nil }
    number = journal["number"]?.integer
    digest = journal["digest"]?.string
    writer = journal["writer"]?.string
  }
}

/// The part of a service's journal that one object holds in its status.
///
/// Its digest is over every entry and the object's uid, so that neither an edit nor a copy from
/// another object is taken for what was written.
struct JournalPage: Hashable, Sendable {
  /// The format that this build writes, and the newest that it reads.
  static let format: Int64 = 1

  var entries: [JournalEntry] = []

  /// The newest entry's number; zero before the first.
  var number: UInt64 { entries.last.map { UInt64(clamping: $0.number) } ?? 0 }

  /// The records of a service whose text is still there, oldest first.
  func records(of service: ServiceName) -> [JournalRecord] {
    entries.compactMap { $0.record(of: service) }
  }

  // MARK: - Growing

  /// The page with one record more, and without what there is no room for.
  ///
  /// Of states that later ones have replaced only the newest stay, and of the others the name of
  /// the effect that they intended. Then the oldest entries go, but never the newest of a kind, nor
  /// an intent whose outcome is not there.
  func appending(_ record: JournalRecord) throws(StepFailure) -> JournalPage {
    let entry = JournalEntry(record)
    guard entry.textSize <= RunBounds.recordSizeMax else {
      throw JournalTrouble.tooLarge(record, entry.textSize)
    }
    var page = self
    page.entries.append(entry)
    page.entries = page.withoutOldStates(RunBounds.oldStatesSizeMax)
    page.dropOldest()
    guard page.fits else { throw JournalTrouble.full(record) }
    return page
  }

  /// The page of a run that has ended and whose last state is no longer the service's.
  var sealed: JournalPage {
    var page = self
    page.entries = withoutOldStates(0, keepingNewest: false)
    return page
  }

  private var fits: Bool {
    entries.count <= RunBounds.entriesMax
      && entries.reduce(0) { $0 + $1.size } <= RunBounds.journalSizeMax
  }

  private func withoutOldStates(_ room: Int, keepingNewest: Bool = true) -> [JournalEntry] {
    let state = JournalKind.state.rawValue
    let newest = keepingNewest ? entries.lastIndex { $0.kind == state } : nil
    var room = room
    var kept: [JournalEntry] = []
    for (index, entry) in entries.enumerated().reversed() {
      guard entry.kind == state, index != newest, entry.text != nil else {
        kept.append(entry)
        continue
      }
      room -= entry.size
      if room >= 0 {
        kept.append(entry)
      } else if entry.effect != nil {
        var name = entry
        name.text = nil
        kept.append(name)
      }
    }
    return kept.reversed()
  }

  private mutating func dropOldest() {
    var size = entries.reduce(0) { $0 + $1.size }
    var count = entries.count
    guard count > RunBounds.entriesMax || size > RunBounds.journalSizeMax else { return }
    let protected = protected
    var kept: [JournalEntry] = []
    for (index, entry) in entries.enumerated() {
      let isOver = count > RunBounds.entriesMax || size > RunBounds.journalSizeMax
      guard isOver, !protected.contains(index) else {
        kept.append(entry)
        continue
      }
      size -= entry.size
      count -= 1
    }
    entries = kept
  }

  /// The places of the entries that are never dropped.
  private var protected: Set<Int> {
    var newest: [String: Int] = [:]
    var settled: Set<String> = []
    var open: Set<Int> = []
    for (index, entry) in entries.enumerated().reversed() {
      if newest[entry.kind] == nil, entry.text != nil { newest[entry.kind] = index }
      guard let effect = entry.effect else { continue }
      if entry.kind == JournalKind.outcome.rawValue { settled.insert(effect) }
      if entry.kind == JournalKind.intent.rawValue, !settled.contains(effect) {
        open.insert(index)
      }
    }
    return open.union(newest.values)
  }

  // MARK: - Writing and reading

  /// The value of `status.journal` in the object of that uid.
  func json(in uid: String, by writer: String) -> JSONValue {
    [
      "format": .integer(JournalPage.format), "number": .integer(Int64(clamping: number)),
      "digest": .string(digest(in: uid)), "writer": .string(writer),
      "entries": .array(entries.map(\.json)),
    ]
  }

  /// SHA-256 over the uid and every field of every entry, each preceded by its length.
  func digest(in uid: String) -> String {
    var input: [UInt8] = []
    let take = { (text: String?) in
      input += Array("\(text.map { $0.utf8.count } ?? -1):".utf8) + Array((text ?? "").utf8)
    }
    take(uid)
    for entry in entries {
      take(String(entry.number))
      for text in [entry.time, entry.kind] { take(text) }
      for text in [entry.run, entry.effect, entry.text] { take(text) }
    }
    return "sha256:" + StepDigest.of(input).text
  }

  /// What stands in an object's status.
  enum Reading: Hashable, Sendable {
    case absent
    /// A later build wrote it, in this format.
    case newer(Int64)
    /// What is wrong with it, as the rest of a sentence.
    case damaged(String)
    case page(JournalPage)

    /// The page; an empty one where there is none that can be read.
    var page: JournalPage? {
      guard case .page(let page) = self else { return nil }
      return page
    }
  }

  /// Reads the journal of an object, with every entry held against the digest.
  static func reading(_ object: KubernetesObject) -> Reading {
    guard let value = object.body["status"]?["journal"], !value.isNull else { return .absent }
    if let format = value["format"]?.integer, format > JournalPage.format {
      return .newer(format)
    }
    let journal: JournalStatus
    do throws(ObjectError) {
      journal = try JournalStatus.read(value, at: "status.journal")
    } catch {
      return .damaged(error.description)
    }
    let page = JournalPage(entries: journal.entries ?? [])
    guard journal.format == JournalPage.format else { return .damaged("it has no format") }
    guard page.isAscending, page.number == UInt64(clamping: journal.number) else {
      return .damaged("its entries are not in order")
    }
    guard page.digest(in: object.uid) == journal.digest else {
      return .damaged("its digest does not fit what stands in it")
    }
    return .page(page)
  }

  private var isAscending: Bool {
    zip(entries, entries.dropFirst()).allSatisfy { $0.number < $1.number }
      && entries.allSatisfy { $0.number > 0 && $0.isReadable }
  }
}
