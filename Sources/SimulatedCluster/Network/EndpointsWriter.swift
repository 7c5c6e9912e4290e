import KubernetesFleet
package import WindlassCore
import WindlassWire

/// Writes EndpointSlices and Endpoints of the Services that select pods, as a real cluster's
/// controllers do; that a pod is ready no more is written as late as a test wants.
package actor EndpointsWriter {
  private let api: NodeAPI
  private let clock: any RunClock
  private var lag: EndpointLag
  private var services: [String: JSONValue] = [:]
  private var pods: [String: JSONValue] = [:]
  private var tables: [String: EndpointTable] = [:]
  private var written: [String: [EndpointTable.Endpoint]] = [:]
  private let news = Signal()

  /// A writer.
  ///
  /// - Parameter lag: how much later than it happened it is written that an address has gone.
  package init(
    _ api: NodeAPI, clock: any RunClock, lag: EndpointLag = EndpointLag(.zero)
  ) {
    self.api = api.speaking(as: "endpoint-slice-controller")
    self.clock = clock
    self.lag = lag
  }

  /// Writes until the task is cancelled.
  package func run() async throws {
    let (services, toServices) = AsyncStream.makeStream(of: CacheChange.self)
    let (pods, toPods) = AsyncStream.makeStream(of: CacheChange.self)
    let client = try api.client(clock)
    let informers = [
      Informer(
        client, Selection(ResourceType(plural: "services", kind: "Service")),
        handlers: [{ toServices.yield($0) }]),
      Informer(client, Selection(.pods), handlers: [{ toPods.yield($0) }]),
    ]
    await withDiscardingTaskGroup { group in
      for informer in informers { group.addTask { await informer.run() } }
      group.addTask { for await change in services { await self.absorbService(change) } }
      group.addTask { for await change in pods { await self.absorbPod(change) } }
      await write()
      group.cancelAll()
    }
  }

  private func absorbService(_ change: CacheChange) {
    let service = change.object.body
    let key = "\(service.namespace)/\(service.name)"
    written[key] = nil
    if case .removed = change {
      services[key] = nil
      tables[key] = nil
    } else {
      services[key] = service
    }
    news.send()
  }

  private func absorbPod(_ change: CacheChange) {
    let pod = change.object.body
    if case .removed = change { pods[pod.uid] = nil } else { pods[pod.uid] = pod }
    news.send()
  }

  private func write() async {
    while !Task.isCancelled {
      let seen = news.count
      var again: Timestamp?
      for (key, service) in services.sorted(by: { $0.key < $1.key }) {
        let selector = service.at("spec", "selector")?.object ?? []
        guard !selector.isEmpty else { continue }
        let chosen = pods.values.filter { pod in
          pod.namespace == service.namespace
            && selector.allSatisfy { pod.at("metadata", "labels", $0.name) == $0.value }
        }
        let (endpoints, next) = tables[key, default: EndpointTable()].update(
          chosen, at: clock.now(), lag: &lag)
        if let next { again = min(again ?? next, next) }
        guard written[key] != endpoints else { continue }
        if await write(endpoints, of: service, chosen.first) {
          written[key] = endpoints
        } else {
          let soon = clock.now() + .milliseconds(300)
          again = min(again ?? soon, soon)
        }
      }
      await news.wait(after: seen, orUntil: again, clock)
    }
  }

  private func write(
    _ endpoints: [EndpointTable.Endpoint], of service: JSONValue, _ pod: JSONValue?
  ) async -> Bool {
    let ports = service.list("spec", "ports").map { port -> JSONValue in
      let name = port["name"].map { [JSONMember("name", $0)] } ?? []
      return .object(
        name + [
          JSONMember("port", .integer(Self.target(of: port, pod))),
          JSONMember("protocol", port["protocol"] ?? "TCP"),
        ])
    }
    let owner: JSONValue = [
      "apiVersion": "v1", "kind": "Service", "name": .string(service.name),
      "uid": .string(service.uid), "controller": true, "blockOwnerDeletion": true,
    ]
    let slice: JSONValue = [
      "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
      "metadata": [
        "name": .string("\(service.name)-1"), "namespace": .string(service.namespace),
        "labels": [
          "kubernetes.io/service-name": .string(service.name),
          "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
        ],
        "ownerReferences": [owner],
      ],
      "endpoints": .array(endpoints.map(\.json)), "ports": .array(ports),
    ]
    let ready = endpoints.filter(\.isReady)
    let older: JSONValue = [
      "apiVersion": "v1", "kind": "Endpoints",
      "metadata": [
        "name": .string(service.name), "namespace": .string(service.namespace),
        "ownerReferences": [owner],
      ],
      "subsets": ready.isEmpty
        ? [] : [["addresses": .array(ready.map(\.older)), "ports": .array(ports)]],
    ]
    let slices = "/apis/discovery.k8s.io/v1/namespaces/\(service.namespace)/endpointslices"
    let isWritten = await put(slice, slices)
    let isOlderWritten = await put(older, "/api/v1/namespaces/\(service.namespace)/endpoints")
    return isWritten && isOlderWritten
  }

  /// The port of the pods that a port of the Service leads to.
  private static func target(of port: JSONValue, _ pod: JSONValue?) -> Int64 {
    let own = port["port"]?.integer ?? 0
    guard let target = port["targetPort"] else { return own }
    if let number = target.integer { return number }
    let ports = pod?.list("spec", "containers").flatMap { $0.list("ports") } ?? []
    return ports.first { $0["name"] == target }?["containerPort"]?.integer ?? own
  }

  private func put(_ object: JSONValue, _ path: String) async -> Bool {
    let replaced = await api.send("PUT", "\(path)/\(object.name)", object)
    if replaced?.status == 404 {
      return await api.send("POST", path, object)?.isGood ?? false
    }
    return replaced?.isGood ?? false
  }
}
