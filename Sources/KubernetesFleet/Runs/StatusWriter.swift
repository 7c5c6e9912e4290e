package import WindlassCore
import WindlassWire

/// Shows what is known of a service in its status, and of its run in the run's.
///
/// It writes only what changed, not more often than every `RunBounds.statusInterval`, and never the
/// journal's part. Nothing is read out of it but what was shown before: its loss loses nothing.
package actor StatusWriter {
  private let client: KubernetesClient
  private let reference: ObjectReference
  /// What the server showed last, and when it was read or written.
  private var shown: ManagedServiceStatus?
  private var shownRuns: [RunID: UpgradeRunStatus] = [:]
  /// The object that is meant: one that is made anew under its name is another service.
  private var uid: String?
  private var readAt: Timestamp?
  private var writtenAt: Timestamp?

  /// A writer for the ManagedService of that name.
  package init(_ client: KubernetesClient, service name: String, in namespace: String) {
    self.client = client
    reference = ObjectReference(.managedServices, name, in: namespace)
  }

  /// Shows what is new.
  ///
  /// - Parameter seen: The object as it was seen last, for who may not read it.
  /// - Returns: when to ask again because something is not shown yet; nil when all is.
  /// - Throws: the server's failure. Nothing else is lost by it: ask again later.
  package func show(
    _ news: StatusNews, over seen: KubernetesObject? = nil
  ) async throws(StepFailure) -> Timestamp? {
    if shown == nil || readAt.map({ news.now - $0 >= RunBounds.statusReadInterval }) ?? true {
      try await readShown(news, seen)
    }
    let service = StatusSummary.service(news, after: shown)
    let isServiceNew = service != shown
    let run = StatusSummary.run(news, after: shownRun(news))
    let isRunNew = run.map { $0.conditions != shownRuns[$0.run]?.conditions } ?? false
    guard isServiceNew || isRunNew else { return nil }
    if let writtenAt, news.now - writtenAt < RunBounds.statusInterval {
      return writtenAt + RunBounds.statusInterval
    }
    writtenAt = news.now
    if isServiceNew { shown = try await write(service, seen) }
    if isRunNew, let run { try await write(run) }
    return nil
  }

  private func shownRun(_ news: StatusNews) -> UpgradeRunStatus? {
    let run = news.record.run?.plan.run ?? news.record.pastRuns.last?.run
    return run.flatMap { shownRuns[$0] }
  }

  /// Reads what the server shows, as it is after a restart or after somebody's edit.
  private func readShown(
    _ news: StatusNews, _ seen: KubernetesObject?
  ) async throws(StepFailure) {
    let found = try await current(seen)
    guard let found else { throw JournalTrouble.missing(reference) }
    shown = status(of: found)
    uid = found.uid
    readAt = news.now
    shownRuns = [:]
    guard let run = news.record.run?.plan.run ?? news.record.pastRuns.last?.run else { return }
    let name = ObjectReference(.upgradeRuns, run.text, in: reference.namespace)
    let object: KubernetesObject?
    do throws(APIError) {
      object = try await client.get(name)
    } catch {
      // The service can tell what is missing all the same.
      guard error.code == .forbidden else { throw StepFailure(error) }
      return
    }
    if let value = object?.body["status"], let status = runStatus(value) {
      shownRuns[run] = status
    }
  }

  /// The object as it is; as it was seen last, where it may not be read.
  private func current(
    _ seen: KubernetesObject?
  ) async throws(StepFailure) -> KubernetesObject? {
    do throws(APIError) {
      return try await client.get(reference)
    } catch {
      guard error.code == .forbidden, let seen else { throw StepFailure(error) }
      return seen
    }
  }

  /// What is shown; nothing where somebody wrote what can't be read.
  private func status(of object: KubernetesObject) -> ManagedServiceStatus {
    let value = (object.body["status"] ?? .object([])).setting("journal", to: nil)
    do throws(ObjectError) {
      return try ManagedServiceStatus.read(value, at: "status")
    } catch {
      return ManagedServiceStatus()
    }
  }

  private func runStatus(_ value: JSONValue) -> UpgradeRunStatus? {
    do throws(ObjectError) {
      return try UpgradeRunStatus.read(value.setting("journal", to: nil), at: "status")
    } catch {
      return nil
    }
  }

  /// A patch of a status is held to a version and to nothing else: so the object is read first.
  private func write(
    _ status: ManagedServiceStatus, _ seen: KubernetesObject?
  ) async throws(StepFailure) -> ManagedServiceStatus {
    let client = client
    let reference = reference
    let live = try await current(seen)
    guard let live, live.uid == uid else { throw JournalTrouble.missing(reference) }
    let change: JSONValue = ["status": status.summary]
    let stored = try await asking { () async throws(APIError) in
      try await client.patch(reference, .merge(change), if: live.unchanged, subresource: "status")
    }
    return self.status(of: stored)
  }

  private func write(_ run: RunSummaryStatus) async throws(StepFailure) {
    let client = client
    let name = ObjectReference(.upgradeRuns, run.run.text, in: reference.namespace)
    let change: JSONValue = ["status": ["conditions": .array(run.conditions.map(\.json))]]
    do throws(APIError) {
      let stored = try await client.patch(name, .merge(change), subresource: "status")
      shownRuns[run.run] = stored.body["status"].flatMap { runStatus($0) }
    } catch {
      // A run that somebody deleted, or that was pruned, has nothing to show.
      guard error.code == .notFound else { throw StepFailure(error) }
      var gone = UpgradeRunStatus()
      gone.conditions = run.conditions
      shownRuns[run.run] = gone
    }
  }
}

extension ManagedServiceStatus {
  /// The members of the summary, with null for what is not known: a merge patch removes it.
  var summary: JSONValue {
    [
      "observedGeneration": observedGeneration.map { .integer($0) } ?? .null,
      "conditions": .array((conditions ?? []).map(\.json)),
      "deployedVersion": deployedVersion.map { .string($0) } ?? .null,
      "targetVersion": targetVersion.map { .string($0) } ?? .null,
      "schemaVersion": schemaVersion.map { .integer($0) } ?? .null,
      "run": run.map { .string($0) } ?? .null,
      "quarantined": quarantined.map { .array($0.map(\.json)) } ?? .null,
      "decisions": decisions.map { .array($0.map(\.json)) } ?? .null,
    ]
  }
}

extension QuarantineStatus {
  fileprivate var json: JSONValue {
    var members = [JSONMember("version", .string(version))]
    if let digest { members.append(JSONMember("digest", .string(digest))) }
    return .object(members + [JSONMember("reason", .string(reason))])
  }
}

extension ConditionStatus {
  /// The condition as it is sent.
  var json: JSONValue {
    var members = [
      JSONMember("type", .string(type)), JSONMember("status", .string(status.rawValue)),
    ]
    if let observedGeneration {
      members.append(JSONMember("observedGeneration", .integer(observedGeneration)))
    }
    return .object(
      members + [
        JSONMember("lastTransitionTime", .string(lastTransitionTime)),
        JSONMember("reason", .string(reason)), JSONMember("message", .string(message)),
      ])
  }
}
