import SimulatedCluster
import Synchronization
import Testing
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// Watches and informers against the simulated server.
struct InformerContractTests {
  private let selection = Selection(.configMaps, in: "shop", labels: "app=web")
  private let web: JSONValue = ["app": "web"]

  /// Runs an informer beside a test.
  private func follow(
    _ informer: Informer, _ body: () async throws -> Void
  ) async throws {
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await informer.run() }
      defer { group.cancelAll() }
      try await body()
    }
  }

  @Test(arguments: Way.allCases)
  func `a watch tells what happens after a version, in order`(way: Way) async throws {
    try await ClusterWorld.with(way) { world in
      let start = try await world.client.list(selection).resourceVersion
      try await world.create("a", labels: web)
      try await world.create("other")
      _ = try await world.client.patch(.configMap("a"), .merge(["data": ["value": "2"]]))
      _ = try await world.client.delete(.configMap("a"), .background)
      var told: [String] = []
      let end = await world.client.watch(
        selection, from: .after(resourceVersion: start), lasting: .seconds(1)
      ) { event in
        switch event {
        case .added(let object): told.append("added \(object.value ?? "")")
        case .modified(let object): told.append("modified \(object.value ?? "")")
        case .deleted(let object): told.append("deleted \(object.value ?? "")")
        case .bookmark, .failed: break
        }
      }
      #expect(end == .finished)
      #expect(told == ["added 1", "modified 2", "deleted 2"])
    }
  }

  @Test(arguments: Way.allCases)
  func `a watch of a lost version is told so`(way: Way) async throws {
    try await ClusterWorld.with(way) { world in
      let start = try await world.client.list(selection).resourceVersion
      for number in 0..<5 { try await world.create("n\(number)", labels: web) }
      await world.host.change { $0.forgetHistory() }
      let end = await world.client.watch(
        selection, from: .after(resourceVersion: start), lasting: .minutes(5)
      ) { _ in }
      guard case .broken(let error) = end else { return #expect(Bool(false)) }
      #expect(error.code == .expired)
    }
  }

  @Test(arguments: Way.allCases)
  func `a watch that is cancelled ends at once`(way: Way) async throws {
    try await ClusterWorld.with(way) { world in
      let client = world.client
      let selection = selection
      await withTaskGroup(of: WatchEnd.self) { group in
        group.addTask {
          await client.watch(selection, from: .initialEvents, lasting: .minutes(5)) { _ in }
        }
        _ = await eventually { await world.host.openWatches == 1 }
        group.cancelAll()
        for await end in group {
          guard case .broken(let error) = end else { return #expect(Bool(false)) }
          #expect(error.code == .cancelled)
        }
      }
      #expect(await eventually { await world.host.openWatches == 0 })
    }
  }

  @Test(arguments: Way.allCases, [true, false])
  func `an informer has what is there, and follows it`(way: Way, streams: Bool) async throws {
    try await ClusterWorld.with(way) { world in
      for number in 0..<5 { try await world.create("n\(number)", labels: web) }
      let informer = Informer(
        world.client, selection, indexes: ["value": { [$0.value ?? ""] }],
        reflector: Reflector(streamsLists: streams))
      #expect(await !informer.isSynced)
      try await follow(informer) {
        await informer.waitUntilSynced()
        #expect(await informer.objects.map(\.name) == ["n0", "n1", "n2", "n3", "n4"])
        _ = try await world.client.patch(.configMap("n1"), .merge(["data": ["value": "7"]]))
        _ = try await world.client.delete(.configMap("n2"), .background)
        // An object that leaves the selection is gone for the informer.
        _ = try await world.client.patch(
          .configMap("n3"), .merge(["metadata": ["labels": ["app": "db"]]]))
        try await world.create("n9", labels: web)
        #expect(
          await eventually { await informer.objects.map(\.name) == ["n0", "n1", "n4", "n9"] })
        #expect(await informer.objects("value", "7").map(\.name) == ["n1"])
        #expect(await informer.trouble == nil)
      }
    }
  }

  @Test(arguments: Way.allCases)
  func `lost history is made good, and nothing seems gone meanwhile`(way: Way) async throws {
    try await ClusterWorld.with(way) { world in
      for number in 0..<3 { try await world.create("n\(number)", labels: web) }
      let removed = Counter()
      let informer = Informer(
        world.client, selection,
        handlers: [{ if case .removed(let object) = $0 { removed.add(object.name) } }])
      try await follow(informer) {
        await informer.waitUntilSynced()
        for round in 0..<3 {
          await world.host.change { $0.loseWatches() }
          try await world.create("r\(round)", labels: web)
          #expect(
            await eventually { await informer.objects.map(\.name).contains("r\(round)") })
        }
        #expect(removed.words.isEmpty)
        #expect(await informer.objects.count == 6)
      }
    }
  }

  @Test func `each turn of an informer is told, and each watch behind its first`() async throws {
    let recorder = WordRecorder()
    try await ClusterWorld.with(.inProcess, recorder: recorder) { world in
      try await world.create("a", labels: web)
      let informer = Informer(world.client, selection)
      try await follow(informer) {
        await informer.waitUntilSynced()
        await world.host.change { $0.loseWatches() }
        #expect(await eventually { recorder.count("watches configmaps again") > 0 })
        try await world.create("b", labels: web)
        #expect(await eventually { await informer.objects.count == 2 })
      }
      #expect(recorder.count("watches configmaps") == 1)
      #expect(recorder.count("turned informer of configmaps in shop (app=web)") > 3)
    }
  }

  @Test(arguments: Way.allCases)
  func `a user without the right to watch is told so, and goes on when he has it`(
    way: Way
  ) async throws {
    try await ClusterWorld.with(way) { world in
      try await world.create("a", labels: web)
      let informer = Informer(try world.makeClient("guest-token", "windlass"), selection)
      try await follow(informer) {
        #expect(await eventually { await informer.trouble?.code == .forbidden })
        #expect(await !informer.isSynced)
        for object in KubernetesObject.readers {
          _ = try await world.client.create(object.0, as: object.1)
        }
        #expect(await eventually { await informer.isSynced })
        #expect(await informer.objects.map(\.name) == ["a"])
      }
    }
  }

  @Test(arguments: UInt64(1)...6)
  func `with streams cut, lists refused and history lost at random the copy comes out right`(
    seed: UInt64
  ) async throws {
    let chaos = Chaos(seed: seed)
    let quick = Backoff(first: .milliseconds(1), longest: .milliseconds(2))
    let wrap = { @Sendable (carrier: any HTTPTransport) -> any HTTPTransport in
      ChaoticTransport(carrier, chaos)
    }
    try await ClusterWorld.with(.inProcess, wrap: wrap) { world in
      let informer = Informer(
        try world.makeClient("admin-token", "informer"), selection,
        reflector: Reflector(backoff: quick))
      let mirror = Mirror()
      let watcher = Informer(
        world.client, selection, reflector: Reflector(streamsLists: false, backoff: quick),
        handlers: [mirror.follow])
      var chance = SeededGenerator(seed: seed)
      try await follow(informer) {
        try await follow(watcher) {
          for _ in 0..<150 {
            let name = "n\(chance.next() % 8)"
            switch chance.next() % 5 {
            case 0, 1:
              _ = try? await world.client.create(
                .configMap(name, "\(chance.next())", labels: web), as: .configMaps)
            case 2:
              _ = try? await world.client.patch(
                .configMap(name), .merge(["data": ["value": .string("\(chance.next())")]]))
            case 3: _ = try? await world.client.delete(.configMap(name), .background)
            default: if chance.next() % 6 == 0 { await world.host.change { $0.loseWatches() } }
            }
          }
          chaos.stop()
          let truth = try await world.client.list(selection).objects.map(\.moment)
          #expect(
            await eventually { await informer.objects.map(\.moment) == truth }, "seed \(seed)")
          #expect(await eventually { await watcher.objects.map(\.moment) == truth }, "seed \(seed)")
          #expect(await eventually { mirror.objects.map(\.moment) == truth }, "seed \(seed)")
        }
      }
    }
  }
}

/// Follows an informer's changes, as those do who count.
private final class Mirror: Sendable {
  private let state = Mutex<[ObjectKey: KubernetesObject]>([:])

  var objects: [KubernetesObject] {
    state.withLock { $0.sorted { $0.key < $1.key }.map(\.value) }
  }

  func follow(_ change: CacheChange) {
    state.withLock { state in
      if case .removed(let object) = change {
        state[object.key] = nil
      } else {
        state[change.object.key] = change.object
      }
    }
  }
}

extension KubernetesObject {
  /// A role that may read ConfigMaps, and its binding to the guest.
  fileprivate static var readers: [(KubernetesObject, KubernetesFleet.ResourceType)] {
    let group = "rbac.authorization.k8s.io"
    let metadata: JSONValue = ["name": "reader", "namespace": "shop"]
    let role: JSONValue = [
      "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": metadata,
      "rules": [
        ["apiGroups": [""], "resources": ["configmaps"], "verbs": ["get", "list", "watch"]]
      ],
    ]
    let binding: JSONValue = [
      "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding", "metadata": metadata,
      "roleRef": ["apiGroup": .string(group), "kind": "Role", "name": "reader"],
      "subjects": [["kind": "User", "name": "guest", "apiGroup": .string(group)]],
    ]
    return [
      (
        KubernetesObject(role),
        KubernetesFleet.ResourceType(group: group, plural: "roles", kind: "Role")
      ),
      (
        KubernetesObject(binding),
        KubernetesFleet.ResourceType(group: group, plural: "rolebindings", kind: "RoleBinding")
      ),
    ]
  }
}
