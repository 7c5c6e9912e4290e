package import WindlassCore
import WindlassWire

/// A journal whose records are in the objects of a cluster: in the UpgradeRun of the run that is
/// open, and between runs in the status of the ManagedService.
///
/// A record is one write of a status, under the uid and the resourceVersion that were read last. A
/// write that conflicts, or whose reply is lost, is read back; it is tried again only while the
/// journal there is the one that was known, so that another writer is never written over but ends
/// the service's journal here (`JournalTaken`). Where the newest records are is told by an
/// annotation of the ManagedService, by which their loss is missed.
///
/// One journal serves the services of one namespace, which it reads when they are first asked for;
/// what fails is that service's journal alone. To take a service up again make a new one.
package actor ClusterJournal: RunJournal {
  let client: KubernetesClient
  let namespace: String
  /// Tells this journal from every other one that writes to the same objects.
  let writer: String
  private var chapters: [ServiceName: JournalChapter] = [:]
  /// The failures after which nothing is written any more.
  private var poison: [ServiceName: StepFailure] = [:]
  /// Whose turn it is to read or to append.
  private let turn = ActorTurn()

  /// A journal of the services of that namespace.
  ///
  /// - Parameter writer: A word that no other journal has, of at most 63 characters.
  package init(
    _ client: KubernetesClient, in namespace: String,
    writer: String = String(UInt64.random(in: .min ... .max), radix: 36)
  ) {
    self.client = client
    self.namespace = namespace
    self.writer = writer
  }

  // MARK: - What others ask

  /// The object of the run that is open, which owns what is made for the run; the service itself
  /// where none is.
  package func owner(of service: ServiceName) async throws(StepFailure) -> StepOwner {
    let chapter = try await opened(service)
    let leaf = chapter.outline.plan.flatMap { chapter.runs[$0.run] } ?? chapter.home
    return StepOwner(leaf.reference.type, name: leaf.reference.name, uid: leaf.uid)
  }

  /// The latest time of any record of a service; a clock that starts from it never goes back.
  package func newestTime(_ service: ServiceName) async throws(StepFailure) -> Timestamp? {
    try await opened(service).records.map(\.at).max()
  }

  // MARK: - The port

  package func append(_ record: JournalRecord) async throws(StepFailure) -> UInt64 {
    await turn.take()
    defer { turn.pass() }
    if let cause = poison[record.service] {
      throw JournalTrouble.poisoned(record.service, by: cause)
    }
    do throws(StepFailure) {
      return try await write(record)
    } catch {
      var failure = error
      failure.disposition = .stop
      poison[record.service] = failure
      throw failure
    }
  }

  package func latest(
    _ kind: JournalKind, service: ServiceName
  ) async throws(StepFailure) -> JournalRecord? {
    try await opened(service).records.last { $0.kind == kind }
  }

  package func history(
    service: ServiceName, kinds: Set<JournalKind>, limit: Int
  ) async throws(StepFailure) -> [JournalRecord] {
    let records = try await opened(service).records.reversed().filter { kinds.contains($0.kind) }
    return Array(records.prefix(max(limit, 0)))
  }

  package func records(
    service: ServiceName, after sequence: UInt64, limit: Int
  ) async throws(StepFailure) -> [JournalRecord] {
    let records = try await opened(service).records.filter { $0.sequence > sequence }
    return Array(records.prefix(max(limit, 0)))
  }

  // MARK: - Appending

  private func write(_ record: JournalRecord) async throws(StepFailure) -> UInt64 {
    var chapter = try await chapter(record.service)
    var record = record
    // One numbering over all services that are open here.
    record.sequence = (chapters.values.map(\.number).max() ?? 0) + 1
    let outline = StateOutline(record)
    if let open = chapter.outline.plan, chapter.runs[open.run]?.page.entries.isEmpty ?? true {
      // Its opening was the last record of the run before it, and nothing that counts came after.
      chapter.runs[open.run] = try await begin(open, of: &chapter)
    }
    let left = chapter.place
    let hasEnded = chapter.outline.plan.map { outline?.outcome(of: $0.run) != nil } ?? false
    if let left, let plan = outline?.plan, plan.run != left, chapter.outline.plan?.run == left {
      // The run that ends without a record of its own gets this one as its last: who else is at
      // work in its object is then stopped there.
      try await put(record, outline, in: &chapter)
      record.sequence += 1
    }
    if let plan = outline?.plan, plan.run != left, plan.run != chapter.outline.plan?.run {
      chapter.runs[plan.run] = try await begin(plan, of: &chapter)
    }
    chapter.place = chapter.destination(of: record, outline)
    try await put(record, outline, in: &chapter)
    chapter.number = record.sequence
    if let outline { chapter.outline = outline }
    if !chapter.isMarked { try await mark(&chapter) }
    chapters[record.service] = chapter
    if left != chapter.place || hasEnded { chapters[record.service] = await tidied(chapter) }
    return record.sequence
  }

  // MARK: - Opening

  /// The chapter of a service, in turn with those who write.
  private func opened(_ service: ServiceName) async throws(StepFailure) -> JournalChapter {
    await turn.take()
    defer { turn.pass() }
    return try await chapter(service)
  }

  private func chapter(_ service: ServiceName) async throws(StepFailure) -> JournalChapter {
    if let chapter = chapters[service] { return chapter }
    let chapter = try await read(service)
    chapters[service] = chapter
    return chapter
  }
}
