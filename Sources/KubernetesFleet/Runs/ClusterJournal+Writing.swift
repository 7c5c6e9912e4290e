import WindlassCore
import WindlassWire

extension ClusterJournal {
  /// Brings a record into the object where the chapter's newest records are.
  func put(
    _ record: JournalRecord, _ outline: StateOutline?, in chapter: inout JournalChapter
  ) async throws(StepFailure) {
    guard let run = chapter.place, var leaf = chapter.runs[run] else {
      // What a person let be forgotten goes with the first record after it.
      let counted = chapter.home.page.entries.filter { $0.number >= Int64(clamping: chapter.first) }
      chapter.home.page = JournalPage(entries: counted)
      let known = chapter.markText
      try await put(
        chapter.home.page.appending(record), in: &chapter.home,
        isAsKnown: { $0.annotations[JournalMark.annotation] == known })
      return
    }
    var members: [JSONMember] = []
    if let outline {
      leaf.outcome = outline.outcome(of: run)
      let phase = outline.plan?.run == run ? outline.phase : nil
      members.append(JSONMember("step", phase.map { .string($0.rawValue) } ?? .null))
      members.append(JSONMember("outcome", leaf.outcome.map { .string($0.rawValue) } ?? .null))
      members.append(JSONMember("epoch", outline.epoch.map { .integer($0.number) } ?? .null))
    }
    try await put(leaf.page.appending(record), in: &leaf, members)
    chapter.runs[run] = leaf
  }

  /// Makes a page the one of an object.
  func put(
    _ page: JournalPage, in leaf: inout JournalChapter.Leaf, _ members: [JSONMember] = [],
    isAsKnown: (KubernetesObject) -> Bool = { _ in true }
  ) async throws(StepFailure) {
    let writer = writer
    let journal = page.json(in: leaf.uid, by: writer)
    let before = leaf.stamp
    let change = JSONValue.object([
      JSONMember("status", .object(members + [JSONMember("journal", journal)]))
    ])
    let stored = try await settle(
      leaf, change, subresource: "status",
      isDone: {
        JournalStamp($0)?.writer == writer && JournalPage.reading($0) == .page(page)
      },
      isAsKnown: { JournalStamp($0) == before && isAsKnown($0) })
    leaf.page = page
    leaf.version = stored.resourceVersion
    leaf.stamp = JournalStamp(stored)
  }

  /// Writes down, apart from the journal, where its newest record is.
  func mark(_ chapter: inout JournalChapter) async throws(StepFailure) {
    let text = chapter.mark.text
    let known = chapter.markText
    let before = chapter.home.stamp
    let change: JSONValue = [
      "metadata": ["annotations": .object([JSONMember(JournalMark.annotation, .string(text))])]
    ]
    let stored = try await settle(
      chapter.home, change, subresource: nil,
      isDone: { $0.annotations[JournalMark.annotation] == text },
      isAsKnown: {
        JournalStamp($0) == before && $0.annotations[JournalMark.annotation] == known
      })
    chapter.home.version = stored.resourceVersion
    chapter.markText = text
  }

  /// Changes an object, and returns only when it is known to have been changed.
  ///
  /// - Parameters:
  ///   - isDone: Whether the object is as it should become.
  ///   - isAsKnown: Whether nobody else had a hand on what is changed.
  private func settle(
    _ leaf: JournalChapter.Leaf, _ change: JSONValue, subresource: String?,
    isDone: (KubernetesObject) -> Bool, isAsKnown: (KubernetesObject) -> Bool
  ) async throws(StepFailure) -> KubernetesObject {
    var version = leaf.version
    var attempt = 1
    while true {
      let cause: APIError
      switch await patch(leaf, change, version, subresource) {
      case .success(let stored):
        guard isDone(stored) else { throw JournalTrouble.altered(leaf.reference) }
        return stored
      case .failure(let error): cause = error
      }
      let found = try await readBack(leaf, after: cause)
      if isDone(found) { return found }
      guard isAsKnown(found) else { throw JournalTrouble.taken(leaf.reference) }
      guard attempt < RunBounds.writeAttemptsMax,
        cause.disposition == .retry || cause.mayHaveHappened
      else { throw JournalTrouble.unknown(leaf.reference, StepFailure(cause)) }
      version = found.resourceVersion
      if cause.code != .conflict {
        let delay = await client.delay(afterFailures: attempt, cause)
        await client.clock.sleep(until: client.clock.now() + delay)
      }
      attempt += 1
    }
  }

  private func patch(
    _ leaf: JournalChapter.Leaf, _ change: JSONValue, _ version: String, _ subresource: String?
  ) async -> Result<KubernetesObject, APIError> {
    do throws(APIError) {
      return .success(
        try await client.patch(
          leaf.reference, .merge(change),
          if: Preconditions(uid: leaf.uid, resourceVersion: version), subresource: subresource))
    } catch {
      return .failure(error)
    }
  }

  /// The object that was to be changed, as the server has it.
  private func readBack(
    _ leaf: JournalChapter.Leaf, after cause: APIError
  ) async throws(StepFailure) -> KubernetesObject {
    let found: KubernetesObject?
    do throws(APIError) {
      found = try await client.get(leaf.reference)
    } catch {
      throw JournalTrouble.unknown(leaf.reference, StepFailure(cause))
    }
    guard let found, found.uid == leaf.uid else { throw JournalTrouble.gone(leaf.reference) }
    return found
  }
}
