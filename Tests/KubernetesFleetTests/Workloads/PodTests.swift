import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// What is concluded of a pod, and what is not.
struct PodTests {
  private let digest = String(repeating: "a", count: 64)

  private func pod(
    _ status: JSONValue, image: String? = nil, node: String? = "node-1", isDeleting: Bool = false
  ) -> Pod {
    var metadata: JSONValue = ["name": "web-0", "uid": "u"]
    if isDeleting {
      metadata = metadata.setting("deletionTimestamp", to: "2026-01-01T00:00:00Z")
    }
    var spec: JSONValue = [
      "containers": [["name": "web", "image": .string(image ?? "web@sha256:\(digest)")]]
    ]
    if let node { spec = spec.setting("nodeName", to: .string(node)) }
    let body: JSONValue = ["metadata": metadata, "spec": spec, "status": status]
    return Pod(object: KubernetesObject(body), container: "web")
  }

  private func web(_ members: JSONValue) -> JSONValue {
    ["phase": "Running", "containerStatuses": [members.setting("name", to: "web")]]
  }

  private let running: JSONValue = ["running": ["startedAt": "2026-01-01T00:00:00Z"]]
  private let ended: JSONValue = ["terminated": ["exitCode": 3, "reason": "Error"]]

  @Test func `a terminal phase is an end, unless a container still runs`() {
    for phase in ["Succeeded", "Failed"] {
      let status = { (state: JSONValue) in
        self.web(["state": state]).setting("phase", to: .string(phase))
      }
      #expect(pod(status(ended)).isEnded)
      #expect(pod(["phase": .string(phase)]).isEnded)
      // A control plane that gives up a node says so of pods whose containers it knows nothing of.
      #expect(!pod(status(running)).isEnded)
    }
  }

  @Test func `a container that ended and is begun again is no end`() {
    #expect(!pod(web(["state": ended])).isEnded)
    #expect(!pod(web(["state": ["waiting": ["reason": "CrashLoopBackOff"]]])).isEnded)
    // The status may be older than the deletion, and the container begun again in between.
    #expect(!pod(web(["state": ended]), isDeleting: true).isEnded)
  }

  @Test func `a pod without a node that is to go never runs`() {
    #expect(pod(["phase": "Pending"], node: nil, isDeleting: true).isEnded)
    #expect(!pod(["phase": "Pending"], node: nil).isEnded)
    #expect(!pod(["phase": "Pending"], isDeleting: true).isEnded)
  }

  @Test func `a machine that is gone or silent leaves its pods in doubt, not dead`() {
    let one = pod(web(["state": running]))
    let gone = Machine("node-1", nil)
    #expect(gone.reading.isGone)
    #expect(one.instance(on: gone.reading, answers: gone.answers).life == .unknown)
    let there = MachineReading(name: "node-1", boot: "b")
    #expect(one.instance(on: there, answers: false).life == .unknown)
    #expect(one.instance(on: there, answers: true).life == .alive)
    #expect(
      one.instance(on: there, answers: true).place == InstancePlace(machine: "node-1", boot: "b"))
  }

  @Test func `what never began tells nothing about its release`() {
    let waiting: JSONValue = [
      "waiting": ["reason": "ImagePullBackOff", "message": "no such image"]
    ]
    let one = pod(web(["state": waiting]).setting("phase", to: "Pending"))
    #expect(!one.hasStarted)
    #expect(one.detail.contains("ImagePullBackOff"))
    #expect(one.detail.contains("no such image"))
    #expect(pod(web(["state": running])).hasStarted)
    #expect(pod(web(["state": waiting, "lastState": ended])).hasStarted)
    let first: JSONValue = ["initContainerStatuses": [["name": "init", "state": running]]]
    #expect(pod(first).hasStarted)
  }

  @Test func `an exit is told only when the process ended by itself`() {
    #expect(pod(web(["state": ended])).exit == ExitReport(code: 3))
    #expect(pod(web(["state": running, "lastState": ended])).exit == ExitReport(code: 3))
    #expect(pod(web(["state": running])).exit == nil)
    // It was told to go.
    #expect(pod(web(["state": ended]), isDeleting: true).exit == nil)
    #expect(pod(web(["state": ended]).setting("reason", to: "Evicted")).exit == nil)
    let lost: JSONValue = ["terminated": ["exitCode": 137, "reason": "ContainerStatusUnknown"]]
    #expect(pod(web(["state": lost])).exit == nil)
    let signal: JSONValue = ["terminated": ["exitCode": 139, "signal": 11]]
    #expect(pod(web(["state": signal])).exit == ExitReport(signal: 11))
    let target: JSONValue = [["type": "DisruptionTarget", "status": "True"]]
    #expect(pod(web(["state": ended]).setting("conditions", to: target)).exit == nil)
  }

  @Test func `the image is what the pod was made of, or what its node says of a tag`() {
    let other = String(repeating: "b", count: 64)
    let told: JSONValue = .string("registry.example/web@sha256:\(other)")
    #expect(pod(web(["state": running])).build == Digest(digest))
    #expect(pod(web(["imageID": told]), image: "web:1.2").build == Digest(other))
    #expect(pod(web([:]), image: "web:1.2").build == nil)
    #expect(pod(web(["imageID": "sha256:1"]), image: "web:1.2").build == nil)
    // Somebody changed the image of a pod whose process is still the old one.
    #expect(pod(web(["image": told, "imageID": told])).build == nil)
    #expect(pod(web(["image": "web:old"])).build == Digest(digest))
  }

  @Test func `an interruption of readiness changes its mark`() {
    let ready = { (since: String, count: Int64) -> JSONValue in
      self.web(["state": self.running, "restartCount": .integer(count)]).setting(
        "conditions",
        to: [["type": "Ready", "status": "True", "lastTransitionTime": .string(since)]])
    }
    let marks = [
      pod(ready("2026-01-01T00:00:00Z", 0)), pod(ready("2026-01-01T00:00:09Z", 0)),
      pod(ready("2026-01-01T00:00:00Z", 1)),
    ].map(\.readinessMark)
    #expect(Set(marks).count == 3)
    #expect(pod(ready("2026-01-01T00:00:00Z", 0)).readinessMark == marks[0])
  }

  @Test func `an instance names its pod and nothing else does`() {
    let identity = PodIdentity(pod([:]).object)
    #expect(PodIdentity(identity.instance) == identity)
    #expect(PodIdentity("web-0") == nil)
    #expect(PodIdentity(":u") == nil)
  }

  @Test func `a witness remembers ends that it saw, and infers none`() async {
    let witness = PodWitness()
    let alive = pod(web(["state": running])).object
    witness.note(.added(alive))
    // The watch was interrupted, and the list that followed no longer had it.
    witness.note(.removed(alive))
    #expect(await witness.ended() == [])
    let over = pod(web(["state": ended]).setting("phase", to: "Failed"), isDeleting: true).object
    witness.note(.updated(from: alive, to: over))
    witness.note(.removed(over))
    #expect(await witness.ended() == [over])
  }

  @Test func `an end that was seen between two readings is told with the pod's last state`()
    async throws
  {
    let world = try await WorkloadWorld.running(.statefulSet)
    let witness = PodWitness()
    let old = await world.pods()
    let first = try #require(old.first)
    await world.send("DELETE", "\(PodRunner.namespace)/pods/\(first.name)")
    while await world.pods().contains(where: { $0.uid == first.uid }) {
      for pod in await world.pods() { witness.note(.updated(from: pod, to: pod)) }
      try await world.pass(.milliseconds(50))
    }
    try await world.pass(.minutes(1))
    let reading = try await world.connect(ends: witness).observe(remembering: [])
    let gone = reading.instances.filter { $0.id == PodIdentity(first).instance }
    #expect(gone.map(\.life) == [.dead])
    #expect(gone.first?.isLeaving == true)
    #expect(reading.instances.count == 4)
    // Of another workload that has the same labels nothing is told.
    let stranger = first.body.setting(["metadata", "uid"], to: "stranger")
      .setting(["status"], to: ["phase": "Failed"])
      .setting(
        ["metadata", "ownerReferences"],
        to: [["kind": "StatefulSet", "name": "other", "uid": "x", "controller": true]])
    witness.note(.added(KubernetesObject(stranger)))
    #expect(
      try await world.connect(ends: witness).observe(remembering: []).instances.count == 4)
  }
}
