package import WindlassCore
import WindlassWire

/// What a cluster holds of one service, read from its storage by somebody who only looks.
package struct ServiceSighting: Sendable {
  /// The ManagedService.
  package let object: KubernetesObject
  /// What it shows of itself, without the journal; empty where that can't be read.
  package let status: ManagedServiceStatus
  /// Its UpgradeRuns, by name.
  package let runs: [KubernetesObject]
  /// What its operator journaled last; nil before the first state, and where `trouble` says why.
  package let record: ServiceRecord?
  /// Why the journal can't be read; nil where it can.
  package let trouble: StepFailure?

  init(_ object: KubernetesObject, runs: [KubernetesObject]) {
    self.object = object
    self.runs = runs.sorted { $0.name < $1.name }
    status = ServiceSighting.shown(by: object)
    let opening = JournalOpening(
      service: ServiceName(object.name), object: object, runs: runs,
      mark: JournalMark.reading(object.annotations[JournalMark.annotation]))
    do throws(StepFailure) {
      let state = try opening.chapter().records.last { $0.kind == .state }
      record = state.flatMap { StepCoding.read(ServiceRecord.self, Array($0.payload.utf8)) }
      trouble =
        state != nil && record == nil
        ? StepFailure(
          code: "JournalNewer", disposition: .stop,
          message: "The state of \(object.key) was written by another version of Windlass, and "
            + "this one does not read it. Use the operator's version.") : nil
    } catch {
      record = nil
      trouble = error
    }
  }

  /// Reads one service; nil when it is not there.
  package static func read(
    _ name: String, in namespace: String, by client: KubernetesClient
  ) async throws(StepFailure) -> ServiceSighting? {
    let reference = ObjectReference(.managedServices, name, in: namespace)
    let found = try await asking { () async throws(APIError) in try await client.get(reference) }
    guard let found else { return nil }
    let mark = JournalMark.reading(found.annotations[JournalMark.annotation])
    let runs = try await ClusterJournal(client, in: namespace).runs(of: found, mark)
    return ServiceSighting(found, runs: runs)
  }

  /// Reads all services of a namespace, or of all, by their keys.
  package static func all(
    in namespace: String?, by client: KubernetesClient
  ) async throws(StepFailure) -> [ServiceSighting] {
    let services = try await asking { () async throws(APIError) in
      try await client.list(Selection(.managedServices, in: namespace))
    }
    guard !services.objects.isEmpty else { return [] }
    let runs = try await asking { () async throws(APIError) in
      try await client.list(Selection(.upgradeRuns, in: namespace))
    }
    let owned = Dictionary(grouping: runs.objects) { $0.controllerUID ?? "" }
    return services.objects.sorted { $0.key < $1.key }.map { service in
      ServiceSighting(service, runs: owned[service.uid] ?? [])
    }
  }

  /// The plan that a run has pinned; nil for text that this version does not read.
  package func plan(of run: KubernetesObject) -> Plan? {
    let text = run.body.value(at: "/spec/plan")?.string ?? ""
    return StepCoding.read(Plan.self, Array(text.utf8))
  }

  /// People's decisions that are written and not answered yet, with their ids, by id.
  package var waiting: [(id: String, order: DecisionOrder?)] {
    let told = Set((status.decisions ?? []).map(\.id))
    return object.annotations.compactMap { name, text in
      guard name.hasPrefix(DecisionOrder.prefix) else { return nil }
      let id = String(name.dropFirst(DecisionOrder.prefix.count))
      return told.contains(id) ? nil : (id, DecisionOrder(text: text))
    }
    .sorted { $0.id < $1.id }
  }

  /// Who else says by documents what `spec.policy.paused` is, and so may put it back; by name.
  ///
  /// A manager that updated the object owns what the server filled in as well: only what was
  /// applied tells that the field is written somewhere.
  package func writersOfPause(besides manager: String) -> [String] {
    let entries = object.metadata["managedFields"]?.array ?? []
    var names = Set(
      entries.compactMap { entry -> String? in
        guard entry["operation"]?.string == "Apply",
          entry["fieldsV1"]?["f:spec"]?["f:policy"]?["f:paused"] != nil
        else { return nil }
        return entry["manager"]?.string
      })
    names.remove(manager)
    let applied = object.annotations["kubectl.kubernetes.io/last-applied-configuration"] ?? ""
    // What is no JSON was written by nobody who would apply it again.
    let document = try? JSONValue.parse(Array(applied.utf8))
    if document?.value(at: "/spec/policy/paused") != nil { names.insert("kubectl apply") }
    return names.sorted()
  }

  private static func shown(by object: KubernetesObject) -> ManagedServiceStatus {
    let value = (object.body["status"] ?? .object([])).setting("journal", to: nil)
    do throws(ObjectError) {
      return try ManagedServiceStatus.read(value, at: "status")
    } catch {
      // A summary that somebody wrote over; its loss loses nothing.
      return ManagedServiceStatus()
    }
  }
}
