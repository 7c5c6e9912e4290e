import KubernetesFleet
package import WindlassCore
import WindlassWire

/// Stands in for all nodes of a cluster in which nothing is to run: it says of each pod at once
/// what its kubelet would say of one that works, and of a step's pod what the step would have said.
///
/// Nothing is migrated and nothing backed up: each service has one database, at one version, whose
/// fence is kept here.
package actor StandInNode {
  /// What a service's database would tell.
  private struct Database: Sendable {
    var epoch: Epoch?
    var committedRun: RunID?
  }

  private static let name = "stand-in"
  private let api: NodeAPI
  private let clock: any RunClock
  /// The version of every service's schema.
  private let schema: SchemaVersion
  private var databases: [String: Database] = [:]
  /// The version of the release that a run is to bring, by the name of its document.
  private var targets: [String: Version] = [:]
  /// Pods that were seen to here.
  private var begun: Set<String> = []

  /// A node of the cluster behind the requests.
  package init(_ api: NodeAPI, clock: any RunClock, schema: SchemaVersion = SchemaVersion(1)) {
    self.api = api
    self.clock = clock
    self.schema = schema
  }

  /// Cares for all pods until the task is cancelled.
  package func run() async throws {
    await register()
    let (changes, sink) = AsyncStream.makeStream(of: CacheChange.self)
    let pods = Informer(
      try api.client(clock), Selection(.pods), trim: \.trimmed, handlers: [{ sink.yield($0) }])
    await withDiscardingTaskGroup { group in
      group.addTask { await pods.run() }
      for await change in changes {
        if case .removed(let gone) = change {
          begun.remove(gone.uid)
          continue
        }
        await care(for: change.object.body)
      }
      group.cancelAll()
    }
  }

  private func register() async {
    let object: JSONValue = [
      "apiVersion": "v1", "kind": "Node", "metadata": ["name": .string(Self.name)],
    ]
    _ = await api.send("POST", "/api/v1/nodes", object)
    let status: JSONValue = [
      "conditions": [["type": "Ready", "status": "True"]],
      "nodeInfo": ["bootID": "00000000-0000-4000-8000-000000000001"],
    ]
    _ = await api.send(
      "PATCH", "/api/v1/nodes/\(Self.name)/status", ["status": status],
      type: "application/merge-patch+json")
  }

  // MARK: - One pod

  private func care(for pod: JSONValue) async {
    let path = "/api/v1/namespaces/\(pod.namespace)/pods/\(pod.name)"
    let hasEnded = ["Succeeded", "Failed"].contains(pod.text("status", "phase"))
    if pod.isBeingDeleted {
      if !hasEnded, !pod.text("spec", "nodeName").isEmpty {
        await write(status(pod, phase: "Succeeded", ended(0, "")), path)
      }
      _ = await api.send("DELETE", "\(path)?gracePeriodSeconds=0")
      return
    }
    guard !hasEnded, begun.insert(pod.uid).inserted else { return }
    if pod.text("spec", "nodeName").isEmpty {
      _ = await api.send("POST", "\(path)/binding", ["target": ["name": .string(Self.name)]])
    }
    if let order = Self.order(of: pod) {
      let message = await message(to: order, pod)
      await write(status(pod, phase: "Succeeded", ended(0, message)), path)
    } else {
      let running: JSONValue = ["running": ["startedAt": clock.now().json]]
      await write(status(pod, phase: "Running", running), path)
    }
  }

  private func write(_ status: JSONValue, _ path: String) async {
    _ = await api.send(
      "PATCH", "\(path)/status", ["status": status], type: "application/merge-patch+json")
  }

  private func ended(_ code: Int64, _ message: String) -> JSONValue {
    [
      "terminated": [
        "exitCode": .integer(code), "reason": "Completed", "message": .string(message),
        "finishedAt": clock.now().json,
      ]
    ]
  }

  private func status(_ pod: JSONValue, phase: String, _ state: JSONValue) -> JSONValue {
    let isReady = phase == "Running"
    let conditions = ["Ready", "ContainersReady"].map { type -> JSONValue in
      [
        "type": .string(type), "status": isReady ? "True" : "False",
        "lastTransitionTime": clock.now().json,
      ]
    }
    let containers = pod.list("spec", "containers").map { container -> JSONValue in
      let image = container["image"] ?? ""
      return [
        "name": container["name"] ?? "", "image": image, "imageID": image, "restartCount": 0,
        "ready": .bool(isReady), "state": state,
      ]
    }
    return [
      "phase": .string(phase), "podIP": "127.0.0.1", "conditions": .array(conditions),
      "containerStatuses": .array(containers),
    ]
  }

  // MARK: - Steps

  /// The order that a pod carries out; nil for a pod of no step.
  private static func order(of pod: JSONValue) -> StepOrder? {
    let words = pod.list("spec", "containers").first?.texts("args") ?? []
    guard let place = words.firstIndex(of: "--order"), place + 1 < words.count else { return nil }
    return StepOrder(text: words[place + 1])
  }

  /// What the step says at its end.
  private func message(to order: StepOrder, _ pod: JSONValue) async -> String {
    let words = pod.list("spec", "containers").first?.texts("args") ?? []
    let digest = words.first { $0.hasPrefix("sha256:") }.map { Digest(String($0.dropFirst(7))) }
    let service = pod.text("metadata", "labels", StepLabel.service)
    let key = "\(pod.namespace)/\(service)"
    let message = StepMessage(
      kind: order.kind, plan: digest ?? Digest(""), order: order.digest,
      result: await result(of: order, key, pod))
    return String(decoding: message.bytes, as: UTF8.self)
  }

  private func result(
    of order: StepOrder, _ service: String, _ pod: JSONValue
  ) async -> StepResult {
    var database = databases[service] ?? Database()
    defer { databases[service] = database }
    switch order {
    case .fence(let current, _):
      let next = current?.next ?? Epoch(1)
      database.epoch = next
      return .fenced(next)
    case .inspect:
      return .ledger(
        LedgerMessage(
          LedgerReading(
            version: schema, epoch: database.epoch, committedRun: database.committedRun,
            systemID: service, asOf: clock.now())))
    case .backUp(let id, let run, let purpose):
      return .backup(receipt(id, run, purpose, service))
    case .verify(let id), .checkBackup(let id):
      let run = RunID(String(id.text.split(separator: "-").dropLast().joined(separator: "-")))
      return .backup(receipt(id, run, .beforeExpand, service))
    case .prove, .goOn:
      return .verdict(
        Verdict(judgement: .safe, checks: 1, coversRollback: true, evidence: ["stood in for"]))
    case .commit(let run, _):
      database.committedRun = run
      return .nothing
    case .probe(let question):
      let version = await target(of: pod)?.description
      return .probed(
        question.pods.map { ProbeAnswer(id: $0.id, reportedVersion: version, failure: nil) })
    case .visit: return .visited("{}")
    case .prepare, .preflight, .apply, .prune, .checkFence, .command, .isolate: return .nothing
    }
  }

  private func receipt(
    _ id: BackupID, _ run: RunID, _ purpose: BackupPurpose, _ service: String
  ) -> BackupReceipt {
    BackupReceipt(
      id: id, run: run, purpose: purpose, digest: Digest(String(repeating: "0", count: 64)),
      systemID: service, schema: schema, isVerified: true)
  }

  /// The version that the run of a step's pod brings, as its document says.
  private func target(of pod: JSONValue) async -> Version? {
    let names = pod.list("spec", "volumes").map { $0.text("configMap", "name") }
    guard let name = names.first(where: { !$0.isEmpty }) else { return nil }
    if let known = targets[name] { return known }
    let path = "/api/v1/namespaces/\(pod.namespace)/configmaps/\(name)"
    guard let text = await api.send("GET", path)?.body.text("data", StepPaths.documentKey),
      let document = try? StepDocument(Array(text.utf8), digest: StepDigest.of(text))
    else { return nil }
    targets[name] = document.plan?.target.version
    return targets[name]
  }
}
