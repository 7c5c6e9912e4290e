import Synchronization
import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// Wishes for one service, one after the other, each followed by a good one: what is told of each,
/// and that the service is well again after it and has not been touched.
final class WishCampaign: Sendable {
  /// One transition: a wish that was written over another.
  struct Row: Sendable {
    var path: String
    var kind: String
    var reaction: String
    /// What was told, or how the server refused it.
    var told: String
    var isRight: Bool
  }

  /// What of a service and of its neighbour no wish may change.
  struct Standing: Hashable, Sendable {
    var workload: JSONValue?
    var pods: [String: Int64]
    var deeds: ServiceModel.Counts
    var schema: UInt64?
    var neighbour: JSONValue?
    var neighboursWorkload: JSONValue?
  }

  /// Requests of an operator that one transition may cost, and each minute of it besides.
  private static let requestsPerTransition = 200
  private static let requestsPerMinute = 60
  /// How long a reaction, and recovery, may take by the world's time.
  private static let patience = Interval.minutes(30)
  /// A wish without an effect of its own, by which every good one differs from the last.
  private static let toggle = "spec.rollout.soak"

  let world: OperatorWorld
  private let report: WishReport
  private let rows = Mutex<[Row]>([])
  private let turn = Mutex(0)

  init(_ world: OperatorWorld, listedIn report: WishReport) {
    self.world = world
    self.report = report
  }

  /// What was tried, in order.
  var tried: [Row] { rows.withLock { $0 } }

  /// The usual wish, which differs from the last one that was written.
  private func good() -> JSONValue {
    let number = turn.withLock { turn in
      turn += 1
      return turn
    }
    let spec = world.scene.wish.body["spec"] ?? .object([])
    return WishStage.edit(spec, Self.toggle, number % 2 == 0 ? "3s" : "4s")
  }

  // MARK: - Transitions

  /// Has bad wishes written one after the other, and then a good one.
  ///
  /// - Parameter restarts: Whether the operator dies between the last bad wish and the good one.
  func attempt(_ values: [WishValue], restarts: Bool = false) async throws {
    let before = try await standing()
    let began = world.time.now()
    let asked = world.history.entries.count
    for value in values {
      if value.reaction.isAdmitted {
        try await admitted(value)
      } else {
        try await refused(value)
      }
    }
    if restarts { try await restart() }
    try await recover(after: values)
    let after = try await standing()
    let names = values.map { "\($0.path) (\($0.kind))" }.joined(separator: ", then ")
    #expect(after == before, "\(names) changed what it must not")
    #expect(world.model.breaches == [], "\(names)")
    let minutes = (world.time.now() - began).milliseconds / 60_000 + 1
    let requests = world.history.entries[asked...].count {
      if case .request = $0.traffic { true } else { false }
    }
    let most =
      Self.requestsPerTransition * (values.count + 1) + Self.requestsPerMinute * Int(minutes)
    #expect(requests <= most, "\(names): \(requests) requests in \(minutes) minutes")
  }

  /// A wish that the API server refuses stands nowhere.
  private func refused(_ value: WishValue) async throws {
    let before = await world.service()?.body["spec"]
    let hand: WishHand = nextHand() == .replace ? .replace : .patch
    var told = "nothing"
    var isRight = false
    do throws(APIError) {
      _ = try await hand.write(value.spec, on: reference, by: world.client)
    } catch {
      told = "\(error.code.rawValue): \(error.detail)"
      switch value.reaction {
      case .refused(let field):
        isRight = error.code == .invalid && error.causes.contains { $0.field == field }
      case .unknown(let field):
        // A patch is told apart from a whole document by its status.
        isRight =
          (error.code == .badRequest || error.code == .invalid) && error.detail.contains(field)
      case .declined, .told, .quiet, .good: break
      }
    }
    let stands = await world.service()?.body["spec"]
    note(value, told, isRight && stands == before)
  }

  private func admitted(_ value: WishValue) async throws {
    do {
      _ = try await write(value)
    } catch {
      return note(value, "\(error)", false)
    }
    try await expect(value)
  }

  /// Writes a wish that the API server takes.
  @discardableResult
  func write(_ value: WishValue) async throws -> KubernetesObject {
    try await nextHand().write(value.spec, on: reference, by: world.client)
  }

  /// Waits until what has to be told of a wish is shown.
  func expect(_ value: WishValue) async throws {
    let live = try #require(try await world.client.get(reference))
    let isShown = await comesAbout { value.reaction.isShown(by: $0, of: live.generation) }
    note(value, await world.service()?.told ?? "", isShown)
  }

  /// Writes a good wish, and waits until the service is well by it and has come to rest.
  func recover(after values: [WishValue]) async throws {
    let last = try #require(values.last)
    let wish = WishValue(path: last.path, kind: "good again", spec: good(), reaction: .good)
    try await admitted(wish)
    await world.pass(.seconds(30))
    let service = await world.service()
    let isWell = service.map { $0.isWell(at: $0.generation) } ?? false
    #expect(isWell, "\(last.path) (\(last.kind)): \(service?.told ?? "")")
  }

  private func comesAbout(_ isSo: @Sendable (KubernetesObject) -> Bool) async -> Bool {
    // A wait in vain is told by the row.
    (try? await world.reaches("a reaction", within: Self.patience, isSo)) != nil
  }

  /// Has the operator die and another one come.
  func restart() async throws {
    world.operators.last?.kill()
    try await world.giveUpLease()
    try world.startOperator()
  }

  // MARK: - What was seen

  private var reference: ObjectReference {
    ObjectReference(.managedServices, ServiceScene.name, in: ServiceScene.namespace)
  }

  private func nextHand() -> WishHand {
    let count = rows.withLock { $0.count }
    return WishHand.allCases[count % WishHand.allCases.count]
  }

  func note(_ value: WishValue, _ told: String, _ isRight: Bool) {
    let row = Row(
      path: value.path, kind: value.kind, reaction: "\(value.reaction)", told: told,
      isRight: isRight)
    rows.withLock { $0.append(row) }
    #expect(throws: Never.self) { try report.add(row) }
    #expect(isRight, "\(value.path) (\(value.kind)), wanted \(value.reaction), told \(told)")
  }

  private func standing() async throws -> Standing {
    let namespace = ServiceScene.namespace
    let pods = try await world.client.list(Selection(.pods, in: namespace, labels: "app")).objects
    let restarts = pods.map { pod in
      let statuses = pod.body.value(at: "/status/containerStatuses")?.array ?? []
      return (pod.uid, statuses.compactMap { $0["restartCount"]?.integer }.reduce(0, +))
    }
    var deeds = world.model.counts
    deeds.steps = [:]
    deeds.refusals = [:]
    let other = try await world.client.get(
      ObjectReference(.managedServices, Neighbour.name, in: namespace))
    let othersWorkload = try await world.client.get(
      ObjectReference(.deployments, Neighbour.name, in: namespace))
    return Standing(
      workload: try await world.workload().body["spec"],
      pods: Dictionary(restarts) { first, _ in first }, deeds: deeds, schema: world.model.schema,
      neighbour: other?.condition("Ready"), neighboursWorkload: othersWorkload?.body["spec"])
  }
}
