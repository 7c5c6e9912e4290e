import Synchronization
package import WindlassCore
package import WindlassWire

/// What the steps of a service are about at one moment.
package struct StepStanding: Hashable, Sendable {
  /// The plan of the open run; nil at rest.
  package var plan: Plan?
  /// The fence's number, where this daemon has taken it.
  package var epoch: Epoch?
  /// Whether the open run has changed something.
  package var isUnderWay: Bool

  package init(plan: Plan? = nil, epoch: Epoch? = nil, isUnderWay: Bool = false) {
    self.plan = plan
    self.epoch = epoch
    self.isUnderWay = isUnderWay
  }
}

/// Has the Jobs of a service made for what is under way: those of the open run read its plan, those
/// of a service at rest its wish alone.
package final class ServiceSteps: Sendable {
  private let settings: StepSettings
  private let service: ServiceName
  private let spec: JSONValue
  private let client: KubernetesClient
  private let watch: StepWatch
  private let home: StepOwner
  private let turns: RunTurns?
  private let standing = Mutex<@Sendable () -> StepStanding>({ StepStanding() })
  private let current = Mutex<StepRunner?>(nil)

  /// The steps of a service.
  ///
  /// - Parameters:
  ///   - spec: The wish that all steps go by, that of an open run as well.
  ///   - owner: The ManagedService; steps of a run belong to its UpgradeRun.
  ///   - turns: Lets services be at work by their owners' uids; nil for all at once.
  package init(
    _ service: ServiceName, spec: JSONValue, settings: StepSettings, client: KubernetesClient,
    watch: StepWatch, owner: StepOwner, turns: RunTurns? = nil
  ) {
    self.service = service
    self.spec = spec
    self.settings = settings
    self.client = client
    self.watch = watch
    home = owner
    self.turns = turns
  }

  /// Why nobody can see what becomes of the step that is under way; nil while that is not so.
  package var hindrance: Block? { watch.hindrance }

  /// Says where to look what is under way; before, nothing is.
  package func follow(_ look: @escaping @Sendable () -> StepStanding) {
    standing.withLock { $0 = look }
  }

  /// Returns when it is the service's turn; at once where its run has changed something.
  package func takeTurn() async throws(StepFailure) {
    try await turns?.take(home.uid, isUnderWay: standing.withLock { $0 }().isUnderWay)
  }

  /// The runner of what is under way now, once it is the service's turn.
  package func runner() async throws(StepFailure) -> StepRunner {
    try await takeTurn()
    let now = standing.withLock { $0 }()
    if let known = current.withLock({ $0 }), known.scope.document.plan == now.plan {
      if let epoch = now.epoch { known.carry(epoch) }
      return known
    }
    let document = StepDocument(service: service, spec: spec, plan: now.plan)
    let owner = try await owner(of: now.plan)
    let scope: StepScope
    do throws(ObjectError) {
      scope = try StepScope(settings: settings, document: document, owner: owner)
    } catch {
      throw StepFailure(
        code: "BadConfiguration", disposition: .stop,
        message: "the wish of \(service) can't be read by its steps: \(error)")
    }
    let runner = StepRunner(scope, client: client, watch: watch)
    if let epoch = now.epoch { runner.carry(epoch) }
    current.withLock { $0 = runner }
    return runner
  }

  /// Keeps no runner for later: the next one that is asked for is made anew.
  package func forget() { current.withLock { $0 = nil } }

  /// The object that the steps of a run belong to, and go with.
  private func owner(of plan: Plan?) async throws(StepFailure) -> StepOwner {
    guard let plan else { return home }
    let reference = ObjectReference(.upgradeRuns, plan.run.text, in: settings.namespace)
    let client = client
    let found = try await asking { () async throws(APIError) in try await client.get(reference) }
    guard let found, found.controllerUID == home.uid else { return home }
    return StepOwner(.upgradeRuns, name: found.name, uid: found.uid)
  }
}
