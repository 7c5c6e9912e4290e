import SimulatedCluster
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// What pods of steps find around them: Secrets, keys in them and claims. Where one is missing a
/// pod waits, as a kubelet or a scheduler has it wait, until somebody takes it away.
struct Surroundings: StandInWork {
  /// Secrets that are there, with their keys.
  static let secrets = ["beacon-db": ["url"], "scratch": ["url"], Neighbour.secret: ["url"]]
  /// Claims that are there.
  static let claims: Set<String> = ["backups"]

  let model: ServiceModel
  /// The cluster as its nodes see it.
  let client: KubernetesClient
  private let neighbour: FixedSteps

  init(_ model: ServiceModel, _ client: KubernetesClient) {
    self.model = model
    self.client = client
    neighbour = FixedSteps(clock: client.clock, schema: ServiceScene.schemaBefore)
  }

  func carryOut(_ step: StandInStep) async -> StepMessage {
    if let lack = Lack(of: step.pod) {
      await wait(step.pod, for: lack)
      return StepMessage(kind: step.order.kind, plan: step.plan, order: step.order.digest)
    }
    return step.service == "\(ServiceScene.namespace)/\(Neighbour.name)"
      ? await neighbour.carryOut(step) : await model.carryOut(step)
  }

  func began(_ pod: KubernetesObject) { if isOwn(pod) { model.began(pod) } }

  func ended(_ pod: KubernetesObject) { if isOwn(pod) { model.ended(pod) } }

  private func isOwn(_ pod: KubernetesObject) -> Bool { pod.labels["app"] != Neighbour.name }

  /// Says what is missing, and returns when the pod is to go.
  private func wait(_ pod: KubernetesObject, for lack: Lack) async {
    let reference = ObjectReference(.pods, pod.name, in: pod.namespace)
    _ = try? await client.patch(
      reference, .merge(["status": lack.status(of: pod)]), subresource: "status")
    while !Task.isCancelled {
      // One that is gone, or can't be read, needs nothing any more.
      let found = try? await client.get(reference)
      guard let found, found.uid == pod.uid, !found.isDeleting else { return }
      await client.clock.sleep(until: client.clock.now() + .seconds(5))
    }
  }
}

/// Something that a pod names and that is not there.
private enum Lack {
  case secret(name: String)
  case key(String, secret: String)
  case claim(String)

  /// The first that a pod lacks; nil when it has all that it needs.
  init?(of pod: KubernetesObject) {
    let spec = pod.body["spec"] ?? .object([])
    for volume in spec["volumes"]?.array ?? [] {
      let claim = volume.value(at: "/persistentVolumeClaim/claimName")?.string
      if let claim, !Surroundings.claims.contains(claim) {
        self = .claim(claim)
        return
      }
    }
    let containers = (spec["initContainers"]?.array ?? []) + (spec["containers"]?.array ?? [])
    for variable in containers.flatMap({ $0["env"]?.array ?? [] }) {
      guard let source = variable.value(at: "/valueFrom/secretKeyRef"),
        let name = source["name"]?.string, let key = source["key"]?.string
      else { continue }
      guard let keys = Surroundings.secrets[name] else {
        self = .secret(name: name)
        return
      }
      guard keys.contains(key) else {
        self = .key(key, secret: name)
        return
      }
    }
    return nil
  }

  /// What is said of a pod that lacks it.
  func status(of pod: KubernetesObject) -> JSONValue {
    switch self {
    case .claim(let name):
      [
        "phase": "Pending",
        "conditions": [
          [
            "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
            "message": .string("persistentvolumeclaim \"\(name)\" not found"),
            "lastTransitionTime": "2027-01-15T08:00:00Z",
          ]
        ],
      ]
    case .secret(let name): waiting("secret \"\(name)\" not found", pod)
    case .key(let key, let secret):
      waiting("couldn't find key \(key) in Secret \(pod.namespace ?? "")/\(secret)", pod)
    }
  }

  private func waiting(_ message: String, _ pod: KubernetesObject) -> JSONValue {
    let containers = pod.body.value(at: "/spec/containers")?.array ?? []
    let statuses = containers.map { container -> JSONValue in
      [
        "name": container["name"] ?? "", "image": container["image"] ?? "", "imageID": "",
        "ready": false, "restartCount": 0,
        "state": [
          "waiting": ["reason": "CreateContainerConfigError", "message": .string(message)]
        ],
      ]
    }
    return ["phase": "Pending", "containerStatuses": .array(statuses)]
  }
}
