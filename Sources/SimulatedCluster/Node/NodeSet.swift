package import WindlassCore

/// All that a cluster has besides its API server: nodes, a scheduler, the writer of endpoints and
/// the proxy of Services.
package struct NodeSet: Sendable {
  private let nodes: [NodeAgent]
  private let binder: PodBinder
  private let endpoints: EndpointsWriter
  private let proxy: ServiceProxy

  /// Nodes of the cluster behind the requests.
  ///
  /// - Parameter endpointLag: how much later than it happened it is told that a pod is ready no
  ///   more.
  package init(
    _ settings: [NodeSettings], _ api: NodeAPI, clock: any RunClock,
    endpointLag: EndpointLag = EndpointLag(.zero)
  ) {
    nodes = settings.map { NodeAgent($0, api, clock: clock) }
    binder = PodBinder(settings, api, clock: clock)
    endpoints = EndpointsWriter(api, clock: clock, lag: endpointLag)
    proxy = ServiceProxy(api, clock: clock)
  }

  /// Runs all of it until the task is cancelled.
  package func run() async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      for node in nodes { group.addTask { try await node.run() } }
      group.addTask { try await binder.run() }
      group.addTask { try await endpoints.run() }
      group.addTask { try await proxy.run() }
      try await group.waitForAll()
    }
  }
}
