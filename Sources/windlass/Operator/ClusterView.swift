import KubernetesFleet
import Synchronization
import WindlassCore

/// What every candidate sees of the cluster, whether it leads or not: the services, and the pods
/// whose ends nobody can look up later.
final class ClusterView: Sendable {
  private let client: KubernetesClient
  private let informers: [Informer]
  private let witnesses = Mutex<[String: PodWitness]>([:])
  /// Tells when a service changed.
  let news = Signal()

  /// - Parameter namespaces: Those whose services are followed; nil for all.
  init(_ client: KubernetesClient, namespaces: [String]?) {
    self.client = client
    let news = news
    let places: [String?] = namespaces.map { $0.map(Optional.some) } ?? [nil]
    informers = places.map { namespace in
      Informer(
        client, Selection(.managedServices, in: namespace), resync: .minutes(5),
        handlers: [{ _ in news.send() }])
    }
  }

  /// Returns when all services are known; before, absence means nothing.
  func waitUntilSynced() async {
    for informer in informers { await informer.waitUntilSynced() }
  }

  /// All services, in the order of their keys.
  func services() async -> [KubernetesObject] {
    var objects: [KubernetesObject] = []
    for informer in informers { objects += await informer.objects }
    return objects.sorted { $0.key < $1.key }
  }

  /// What keeps services from being followed; nil while all is well.
  func trouble() async -> APIError? {
    for informer in informers { if let trouble = await informer.trouble { return trouble } }
    return nil
  }

  /// Who sees the ends of a namespace's pods.
  func witness(of namespace: String) -> PodWitness {
    witnesses.withLock { witnesses in
      let witness = witnesses[namespace] ?? PodWitness()
      witnesses[namespace] = witness
      return witness
    }
  }

  /// Follows until the task is cancelled.
  func run() async {
    await withTaskGroup(of: Void.self) { group in
      for informer in informers { group.addTask { await informer.run() } }
      var followed: Set<String> = []
      while !Task.isCancelled {
        let seen = news.count
        let namespaces = Set(await services().map { $0.namespace ?? "default" })
        for namespace in namespaces.subtracting(followed).sorted() {
          followed.insert(namespace)
          let pods = pods(of: namespace)
          group.addTask { await pods.run() }
        }
        await news.wait(after: seen)
      }
      group.cancelAll()
    }
  }

  private func pods(of namespace: String) -> Informer {
    let witness = witness(of: namespace)
    return Informer(
      client, Selection(.pods, in: namespace), handlers: [{ witness.note($0) }])
  }
}
