import KubernetesFleet
package import WindlassCore
import WindlassWire

/// Leads connections to the addresses of Services on to the pods behind them, as a real cluster's
/// network does: each new one to the next endpoint that the EndpointSlices call ready, without
/// another try where nobody listens there.
package actor ServiceProxy {
  /// One port of one Service.
  private struct Front: Hashable, Sendable {
    var address: String
    var port: Int
  }

  private let api: NodeAPI
  private let clock: any RunClock
  private var services: [String: JSONValue] = [:]
  private var slices: [String: JSONValue] = [:]
  /// Who listens, and where each leads to.
  private var routes: [Front: Route] = [:]

  /// A proxy for the Services of the cluster behind the requests.
  package init(_ api: NodeAPI, clock: any RunClock) {
    self.api = api.speaking(as: "kube-proxy")
    self.clock = clock
  }

  /// Leads connections until the task is cancelled.
  package func run() async throws {
    let (changes, sink) = AsyncStream.makeStream(of: CacheChange.self)
    let client = try api.client(clock)
    let types = [
      ResourceType(plural: "services", kind: "Service"),
      ResourceType(group: "discovery.k8s.io", plural: "endpointslices", kind: "EndpointSlice"),
    ]
    let informers = types.map {
      Informer(client, Selection($0), handlers: [{ sink.yield($0) }])
    }
    await withDiscardingTaskGroup { group in
      for informer in informers { group.addTask { await informer.run() } }
      for await change in changes {
        absorb(change)
        update(&group)
      }
      group.cancelAll()
    }
  }

  private func absorb(_ change: CacheChange) {
    let object = change.object.body
    var kept: JSONValue? = object
    if case .removed = change { kept = nil }
    let key = "\(object.namespace)/\(object.name)"
    if object["addressType"] != nil { slices[key] = kept } else { services[key] = kept }
  }

  /// Brings listeners and routes up to date.
  private func update(_ group: inout DiscardingTaskGroup) {
    var wanted: Set<Front> = []
    for service in services.values {
      let address = service.text("spec", "clusterIP")
      guard address.hasPrefix("127.") else { continue }
      for port in service.list("spec", "ports") {
        let front = Front(address: address, port: Int(port["port"]?.integer ?? 0))
        wanted.insert(front)
        let targets = targets(of: service, port.text("name"))
        if let route = routes[front] {
          route.set(targets)
        } else {
          let route = Route(targets)
          routes[front] = route
          group.addTask { await Relay(front.address, front.port, route).run() }
        }
      }
    }
    for (front, route) in routes where !wanted.contains(front) {
      route.close()
      routes[front] = nil
    }
  }

  private func targets(of service: JSONValue, _ port: String) -> [Route.Target] {
    let own = slices.values.filter { slice in
      slice.namespace == service.namespace
        && slice.text("metadata", "labels", "kubernetes.io/service-name") == service.name
    }
    var targets: [Route.Target] = []
    for slice in own {
      let ports = slice.list("ports")
      guard let number = ports.first(where: { $0.text("name") == port })?["port"]?.integer else {
        continue
      }
      for endpoint in slice.list("endpoints")
      where endpoint.at("conditions", "ready")?.bool ?? true {
        targets += endpoint.texts("addresses").map {
          Route.Target(address: $0, port: Int(number))
        }
      }
    }
    return targets.sorted { ($0.address, $0.port) < ($1.address, $1.port) }
  }
}
