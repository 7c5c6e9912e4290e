import KubernetesFleet
import Synchronization
import WindlassCore

/// What every candidate sees of the cluster, whether it leads or not: the services, the steps, and
/// the pods whose ends nobody can look up later.
///
/// Each of them is followed by one watch for a namespace, or for all, however many services there
/// are.
final class ClusterView: Sendable {
  /// What is followed of one namespace, or of all.
  private struct Scope: Sendable {
    /// Nil for all.
    var namespace: String?
    var services: Informer
    var pods: Informer
    var steps: StepFeed
  }

  private let scopes: [Scope]
  private let witnesses: Witnesses
  /// Tells when a service changed.
  let news = Signal()
  /// Tells when the pods of a workload changed.
  let workloads = WorkloadNews()

  /// Who sees the ends of each namespace's pods.
  private final class Witnesses: Sendable {
    private let known = Mutex<[String: PodWitness]>([:])

    func witness(of namespace: String) -> PodWitness {
      known.withLock { known in
        let witness = known[namespace] ?? PodWitness()
        known[namespace] = witness
        return witness
      }
    }
  }

  /// - Parameter namespaces: Those whose services are followed; nil for all.
  init(_ client: KubernetesClient, namespaces: [String]?) {
    let (news, workloads, witnesses) = (news, workloads, Witnesses())
    self.witnesses = witnesses
    let places: [String?] = namespaces.map { $0.map(Optional.some) } ?? [nil]
    scopes = places.map { namespace in
      Scope(
        namespace: namespace,
        services: Informer(
          client, Selection(.managedServices, in: namespace), resync: .minutes(5),
          trim: \.trimmed, handlers: [{ _ in news.send() }]),
        pods: Informer(
          client, Selection(.pods, in: namespace, labels: StepFeed.othersSelector),
          trim: \.trimmedPod, keep: \.podOutline,
          handlers: [
            { change in
              witnesses.witness(of: change.object.namespace ?? "default").note(change)
              workloads.note(change)
            }
          ]),
        steps: StepFeed(client, in: namespace))
    }
  }

  /// Returns when all services are known; before, absence means nothing.
  func waitUntilSynced() async {
    for scope in scopes { await scope.services.waitUntilSynced() }
  }

  /// Whether everything that is followed has been listed once.
  var isSynced: Bool {
    get async {
      for scope in scopes {
        guard await scope.services.isSynced, await scope.pods.isSynced, await scope.steps.isSynced
        else { return false }
      }
      return true
    }
  }

  /// All services, in the order of their keys.
  func services() async -> [KubernetesObject] {
    guard scopes.count > 1 else { return await scopes.first?.services.objects ?? [] }
    var objects: [KubernetesObject] = []
    for scope in scopes { objects += await scope.services.objects }
    return objects.sorted { $0.key < $1.key }
  }

  /// What keeps services from being followed; nil while all is well.
  func trouble() async -> APIError? {
    for scope in scopes { if let trouble = await scope.services.trouble { return trouble } }
    return nil
  }

  /// Who sees the ends of a namespace's pods.
  func witness(of namespace: String) -> PodWitness { witnesses.witness(of: namespace) }

  /// A watch of a service's steps.
  func steps(of service: ServiceName, in namespace: String) -> StepWatch? {
    scopes.first { $0.namespace == nil || $0.namespace == namespace }.map {
      StepWatch(from: $0.steps, service: service, namespace: namespace)
    }
  }

  /// Follows until the task is cancelled.
  func run() async {
    await withTaskGroup(of: Void.self) { group in
      for scope in scopes {
        group.addTask { await scope.services.run() }
        group.addTask { await scope.pods.run() }
        group.addTask { await scope.steps.run() }
      }
    }
  }
}
