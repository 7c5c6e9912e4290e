import SimulatedCluster
import Testing
import WindlassCore
import WindlassSimulation
import WindlassWire

@testable import KubernetesFleet

/// The client against the simulated server, which answers as recordings of a real one do.
struct ClientContractTests {
  @Test(arguments: Way.allCases)
  func `an object is created, read, replaced and deleted`(way: Way) async throws {
    try await ClusterWorld.with(way) { world in
      let made = try await world.create("settings")
      #expect(!made.uid.isEmpty)
      let again = await failure { () throws(APIError) in
        try await world.client.create(.configMap("settings"), as: .configMaps)
      }
      #expect(again?.code == .alreadyExists)
      var changed = made
      changed.body = made.body.setting(["data", "value"], to: "2")
      let replaced = try await world.client.replace(changed, as: .configMaps)
      #expect(replaced.value == "2")
      // The version that was read first is old by now.
      let stale = await failure { () throws(APIError) in
        try await world.client.replace(changed, as: .configMaps)
      }
      #expect(stale?.code == .conflict)
      #expect(stale?.disposition == .retry)
      let gone = try await world.client.delete(
        .configMap("settings"), .background, if: replaced.same)
      #expect(gone == .gone)
      #expect(try await world.client.get(.configMap("settings")) == nil)
      #expect(try await world.client.delete(.configMap("settings"), .background) == .absent)
    }
  }

  @Test(arguments: Way.allCases)
  func `each form of patch holds its preconditions`(way: Way) async throws {
    try await ClusterWorld.with(way) { world in
      let made = try await world.create("settings")
      let target = ObjectReference.configMap("settings")
      let patches: [Patch] = [
        .merge(["data": ["value": "2"]]), .strategic(["data": ["value": "3"]]),
        .json([["op": "replace", "path": "/data/value", "value": "4"]]),
      ]
      var latest = made
      for patch in patches {
        let before = latest
        latest = try await world.client.patch(target, patch, if: before.unchanged)
        let stale = await failure { () throws(APIError) in
          try await world.client.patch(target, patch, if: before.unchanged)
        }
        #expect(stale?.code == .conflict, "\(patch)")
      }
      #expect(latest.value == "4")
      let wrong = await failure { () throws(APIError) in
        try await world.client.delete(target, .background, if: Preconditions(uid: "other"))
      }
      #expect(wrong?.code == .conflict)
    }
  }

  @Test(arguments: Way.allCases)
  func `a field of another manager is told with its path, and taken only on purpose`(
    way: Way
  ) async throws {
    try await ClusterWorld.with(way) { world in
      let other = try world.makeClient("admin-token", "chart")
      _ = try await other.apply(.configMap("settings", "theirs"), as: .configMaps)
      let mine = KubernetesObject.configMap("settings", "mine")
      let conflict = await failure { () throws(APIError) in
        try await world.client.apply(mine, as: .configMaps)
      }
      #expect(conflict?.code == .ownedByOthers)
      #expect(conflict?.disposition == .stop)
      #expect(conflict?.causes.map(\.field) == [".data.value"])
      let taken = try await world.client.apply(mine, as: .configMaps, ownership: .taken)
      #expect(taken.value == "mine")
      let reversed = await failure { () throws(APIError) in
        try await other.apply(.configMap("settings", "theirs"), as: .configMaps)
      }
      #expect(reversed?.code == .ownedByOthers)
      // An apply of what was read says nothing about ownership.
      #expect(try await world.client.apply(taken, as: .configMaps).value == "mine")
    }
  }

  @Test(arguments: Way.allCases)
  func `a Job that is deleted in the foreground waits for its finalizer`(way: Way) async throws {
    try await ClusterWorld.with(way) { world in
      let job: JSONValue = [
        "apiVersion": "batch/v1", "kind": "Job",
        "metadata": ["name": "step", "namespace": "shop"],
        "spec": [
          "template": [
            "spec": [
              "restartPolicy": "Never", "containers": [["name": "step", "image": "windlass"]],
            ]
          ]
        ],
      ]
      let made = try await world.client.create(KubernetesObject(job), as: .jobs)
      let reference = ObjectReference(.jobs, "step", in: "shop")
      let outcome = try await world.client.delete(reference, .foreground, if: made.same)
      switch outcome {
      case .begun(let object): #expect(object.isDeleting)
      // The collector may have been faster than the answer.
      case .gone, .absent: break
      }
      #expect(
        await eventually { (try? await world.client.get(reference)) == .some(nil) })
    }
  }

  @Test(arguments: Way.allCases)
  func `a list has all pages of one version and obeys its selector`(way: Way) async throws {
    try await ClusterWorld.with(way) { world in
      for number in 0..<12 {
        try await world.create("s\(number)", labels: ["odd": number % 2 == 1 ? "yes" : "no"])
      }
      let all = try await world.client.list(Selection(.configMaps, in: "shop"))
      #expect(all.objects.filter { $0.name.hasPrefix("s") }.count == 12)
      let odd = try await world.client.list(
        Selection(.configMaps, in: "shop", labels: "odd=yes"))
      #expect(odd.objects.count == 6)
      #expect(odd.objects.allSatisfy { $0.body["kind"] == "ConfigMap" })
      #expect(try await world.client.list(Selection(.configMaps, in: "nowhere")).objects == [])
    }
  }

  @Test(arguments: Way.allCases)
  func `a right that is missing is told with its verb`(way: Way) async throws {
    try await ClusterWorld.with(way) { world in
      let guest = try world.makeClient("guest-token", "windlass")
      let read = await failure { () throws(APIError) in
        try await guest.get(.configMap("settings"))
      }
      #expect(read?.code == .forbidden)
      #expect(read?.disposition == .wait)
      #expect(read?.detail.contains("cannot get resource \"configmaps\"") == true)
      let stranger = try world.makeClient("no-such-token", "windlass")
      let unknown = await failure { () throws(APIError) in
        try await stranger.get(.configMap("settings"))
      }
      #expect(unknown?.code == .unauthorized)
    }
  }

  @Test(arguments: Way.allCases)
  func `a kind that is not served is told apart from an object that is not there`(
    way: Way
  ) async throws {
    try await ClusterWorld.with(way) { world in
      let service = ObjectReference(.managedServices, "beacon", in: "shop")
      let error = await failure { () throws(APIError) in try await world.client.get(service) }
      #expect(error?.code == .unknownResource)
      let absent = try await world.client.get(.configMap("absent"))
      #expect(absent == nil)
    }
  }

  @Test(arguments: Way.allCases)
  func `a namespace that goes is told by its cause`(way: Way) async throws {
    try await ClusterWorld.with(way) { world in
      let held = KubernetesObject(
        KubernetesObject.configMap("held").body.setting(
          ["metadata", "finalizers"], to: ["windlass.dev/test"]))
      _ = try await world.client.create(held, as: .configMaps)
      _ = try await world.client.delete(ObjectReference(.namespaces, "shop"), .background)
      let error = await failure { () throws(APIError) in
        try await world.client.create(.configMap("late"), as: .configMaps)
      }
      #expect(error?.code == .namespaceTerminating)
    }
  }

  @Test(arguments: Way.allCases)
  func `the server's version is known`(way: Way) async throws {
    try await ClusterWorld.with(way) { world in
      let version = try await world.client.serverVersion()
      #expect(version?.major == 1)
      #expect((version?.minor ?? 0) >= 30)
    }
  }

  @Test(arguments: Way.allCases)
  func `a field that no kind has is refused and not dropped`(way: Way) async throws {
    try await ClusterWorld.with(way) { world in
      let body = KubernetesObject.configMap("typo").body.setting("dtaa", to: ["a": "b"])
      let error = await failure { () throws(APIError) in
        try await world.client.create(KubernetesObject(body), as: .configMaps)
      }
      #expect(error?.disposition == .stop)
      #expect(error?.detail.contains("dtaa") == true)
    }
  }
}
