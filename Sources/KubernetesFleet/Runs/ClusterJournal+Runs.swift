import WindlassCore
import WindlassWire

extension ClusterJournal {
  /// The object of a run that begins, with its plan pinned and nothing in its journal.
  func begin(
    _ plan: Plan, of chapter: inout JournalChapter
  ) async throws(StepFailure) -> JournalChapter.Leaf {
    let wanted = try UpgradeRunObject.of(plan, owner: chapter.home, in: namespace)
    let reference = ObjectReference(.upgradeRuns, wanted.name, in: namespace)
    for attempt in 1...RunBounds.writeAttemptsMax {
      let cause: APIError
      do throws(APIError) {
        let made = try await client.create(wanted, as: .upgradeRuns)
        return JournalChapter.Leaf(made, as: .upgradeRuns, page: JournalPage())
      } catch {
        cause = error
      }
      guard cause.code == .alreadyExists || cause.mayHaveHappened || cause.disposition == .retry
      else { throw JournalTrouble.unknown(reference, StepFailure(cause)) }
      if let found = try await existing(reference, cause) {
        guard found.controllerUID == chapter.home.uid else {
          throw JournalTrouble.nameTaken(reference, chapter.home.reference)
        }
        if UpgradeRunObject.pins(found, asMuchAs: wanted), JournalStamp(found) == nil,
          !found.isDeleting
        {
          return JournalChapter.Leaf(found, as: .upgradeRuns, page: JournalPage())
        }
        // Begun and never gone on with, or from before a person let the journal be forgotten. What
        // is newer than all that is known here, somebody else has just written.
        let told = JournalStamp(found)?.number ?? 0
        guard told <= Int64(clamping: chapter.number) else { throw JournalTrouble.taken(reference) }
        // Whoever began it and is still at work can't make it count any more.
        try await mark(&chapter)
        try await remove(found)
      }
      let delay = await client.delay(afterFailures: attempt, cause)
      await client.clock.sleep(until: client.clock.now() + delay)
    }
    throw JournalTrouble.nameTaken(reference, chapter.home.reference)
  }

  private func existing(
    _ reference: ObjectReference, _ cause: APIError
  ) async throws(StepFailure) -> KubernetesObject? {
    do throws(APIError) {
      return try await client.get(reference)
    } catch {
      throw JournalTrouble.unknown(reference, StepFailure(cause))
    }
  }

  private func remove(_ run: KubernetesObject) async throws(StepFailure) {
    let reference = ObjectReference(.upgradeRuns, run.name, in: run.namespace)
    do throws(APIError) {
      _ = try await client.delete(reference, .background, if: run.unchanged)
    } catch {
      // Whether it went shows when its name is wanted again.
      guard error.disposition == .retry || error.mayHaveHappened else {
        throw JournalTrouble.unknown(reference, StepFailure(error))
      }
    }
  }

  // MARK: - Tidying

  /// Takes states that nobody needs any more out of ended runs, and deletes the oldest runs.
  ///
  /// What fails here is tried again when the next run begins or ends: nothing depends on it, and
  /// the record that it follows is durable.
  func tidied(_ chapter: JournalChapter) async -> JournalChapter {
    var chapter = chapter
    var ended: [(RunID, JournalChapter.Leaf)] = []
    for (run, leaf) in chapter.runs where run != chapter.place && run != chapter.outline.plan?.run {
      ended.append((run, leaf))
    }
    ended.sort { ($0.1.page.number, $0.0) < ($1.1.page.number, $1.0) }
    for (run, leaf) in ended.dropLast(RunBounds.runsKept) where await isDeleted(leaf) {
      chapter.runs[run] = nil
    }
    for (run, leaf) in ended.suffix(RunBounds.runsKept) {
      guard let outcome = leaf.outcome ?? chapter.outline.outcome(of: run) else {
        // Begun by somebody who was deposed before anything came of it.
        if await isDeleted(leaf) { chapter.runs[run] = nil }
        continue
      }
      guard leaf.page != leaf.page.sealed || leaf.outcome == nil else { continue }
      var closed = leaf
      closed.outcome = outcome
      do throws(StepFailure) {
        try await put(
          leaf.page.sealed, in: &closed, [JSONMember("outcome", .string(outcome.rawValue))])
        chapter.runs[run] = closed
      } catch {
        continue
      }
    }
    return chapter
  }

  private func isDeleted(_ leaf: JournalChapter.Leaf) async -> Bool {
    do throws(APIError) {
      _ = try await client.delete(
        leaf.reference, .background,
        if: Preconditions(uid: leaf.uid, resourceVersion: leaf.version))
      return true
    } catch {
      return false
    }
  }
}
