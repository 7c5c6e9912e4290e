import WindlassCore
import WindlassWire

/// Writes down the pod in which a release's server is put to its probes: what the workload's own
/// pods are made from, without all by which such a pod belongs to the service or reaches anything.
///
/// First a container waits until the pod's network is cut off, then the server begins beside the
/// container that puts the probes. What of a template is taken is named here; the rest is not.
struct VisitPod {
  let job: StepJob
  let question: VisitQuestion

  /// The name of the server's container.
  static let server = "server"

  /// Fields of a template's pod that say how the server runs and not whose it is.
  private static let kept = [
    "dnsConfig", "enableServiceLinks", "hostname", "nodeSelector", "os", "runtimeClassName",
    "schedulerName", "subdomain", "tolerations",
  ]

  private var scope: StepScope { job.scope }
  private var settings: StepSettings { scope.settings }
  private var template: JSONValue { job.template?["spec"] ?? .object([]) }
  private var workload: WorkloadSpec? { scope.wish.fleet.workload }

  // MARK: - The pod

  var spec: JSONValue {
    var spec: JSONValue = [
      "restartPolicy": "Never", "serviceAccountName": .string(settings.serviceAccount),
      "automountServiceAccountToken": false,
      "activeDeadlineSeconds": .integer(job.deadlineSeconds),
      "terminationGracePeriodSeconds": .integer(StepBounds.visitGrace.milliseconds / 1_000),
      // A copy that is a file is seen to be open by looking at the server's process.
      "shareProcessNamespace": .bool(question.copyURL != nil),
      "securityContext": podSecurity, "volumes": .array(volumes),
      "initContainers": .array(initial), "containers": [probes],
    ]
    for name in Self.kept {
      if let value = template[name] { spec = spec.setting(name, to: value) }
    }
    let secrets = settings.imagePullSecrets.map { ["name": .string($0)] as JSONValue }
    let theirs = (template["imagePullSecrets"]?.array ?? []).filter { !secrets.contains($0) }
    if !(secrets + theirs).isEmpty {
      spec = spec.setting("imagePullSecrets", to: .array(secrets + theirs))
    }
    if let node = settings.node {
      spec = spec.setting("affinity", to: job.affinity(node))
    } else if let affinity = template.value(at: "/affinity/nodeAffinity") {
      spec = spec.setting("affinity", to: ["nodeAffinity": affinity])
    }
    return spec
  }

  /// What keeps meshes from putting a proxy of theirs into the pod, which would answer in the
  /// place of everything that can't be reached.
  static let marks = ["linkerd.io/inject": "disabled", "sidecar.istio.io/inject": "false"]

  private var podSecurity: JSONValue {
    let theirs = template["securityContext"] ?? .object([])
    guard theirs["seccompProfile"] == nil else { return theirs }
    return theirs.setting("seccompProfile", to: ["type": "RuntimeDefault"])
  }

  // MARK: - Containers

  private var initial: [JSONValue] {
    var containers: [JSONValue] = []
    if let forbidden = question.forbidden {
      containers.append(windlass("isolate", .isolate(forbidden), job.plainEnvironment))
    }
    // A proxy for the production database is of no use here; what prepares the server's files is.
    containers += (template["initContainers"]?.array ?? [])
      .filter { $0["restartPolicy"] == nil }.map { told($0) }
    return containers + [server]
  }

  /// The release's server, which its kubelet keeps running as long as probes are put.
  private var server: JSONValue {
    let own = template["containers"]?.array ?? []
    let found = own.first { $0["name"]?.string == workload?.container } ?? .object([])
    var server = told(found)
    for name in ["livenessProbe", "readinessProbe", "startupProbe", "stdin", "tty"] {
      server = server.setting(name, to: nil)
    }
    server = server.setting("name", to: .string(Self.server))
      .setting("image", to: .string(question.image)).setting("restartPolicy", to: "Always")
      .setting("terminationMessagePolicy", to: "FallbackToLogsOnError")
    if found["lifecycle"] != nil {
      server = server.setting(["lifecycle", "preStop"], to: nil)
    }
    guard !copies.isEmpty else { return server }
    return server.setting(
      "volumeMounts", to: .array((server["volumeMounts"]?.array ?? []) + copies))
  }

  /// A container of the template, told the copy in place of its database, and without what reaches
  /// out of its pod.
  private func told(_ container: JSONValue) -> JSONValue {
    var container = container.setting(
      "env",
      to: .array(
        environment(container["env"]?.array ?? [], of: container["name"]?.string ?? "")))
    if let ports = container["ports"]?.array {
      container = container.setting(
        "ports",
        to: .array(ports.map { $0.setting("hostPort", to: nil).setting("hostIP", to: nil) }))
    }
    var security = (container["securityContext"] ?? .object([])).setting("privileged", to: nil)
    if security["allowPrivilegeEscalation"] == nil {
      security = security.setting("allowPrivilegeEscalation", to: false)
    }
    if let capabilities = security["capabilities"] {
      security = security.setting("capabilities", to: capabilities.setting("add", to: nil))
    }
    // Whoever runs as a user without rights has no capabilities to lose.
    if isPlainUser(security) {
      security = security.setting(["capabilities", "drop"], to: ["ALL"])
    }
    return container.setting("securityContext", to: security)
  }

  private func isPlainUser(_ security: JSONValue) -> Bool {
    let pod = template["securityContext"]
    let user = security["runAsUser"] ?? pod?["runAsUser"]
    let refusesRoot = (security["runAsNonRoot"] ?? pod?["runAsNonRoot"]) == true
    return refusesRoot || (user?.integer ?? 0) > 0
  }

  private func environment(_ theirs: [JSONValue], of name: String) -> [JSONValue] {
    let database = scope.wish.database
    var own: [JSONValue] = []
    if let inject = database.inject {
      if let url = question.copyURL {
        own.append(["name": .string(inject.env), "value": .string(url)])
      } else if let key = scope.wish.proof.scratchURLFrom?.secretKeyRef {
        own.append(["name": .string(inject.env), "valueFrom": StepJob.source(key)])
      }
    }
    own += scope.wish.proof.env.sorted { $0.key < $1.key }.map {
      ["name": .string($0.key), "value": .string($0.value)]
    }
    // Who was not told the database is not told the copy.
    let known = Set(theirs.compactMap { $0["name"]?.string })
    let isServer = (workload?.container).map { name == $0 } ?? false
    own.removeAll { !isServer && !known.contains($0["name"]?.string ?? "") }
    let names = Set(own.compactMap { $0["name"]?.string })
    return theirs.filter { !names.contains($0["name"]?.string ?? "") } + own
  }

  /// What puts the probes, and ends the pod when it has.
  private var probes: JSONValue {
    var environment = job.plainEnvironment
    if question.copyURL == nil, let key = scope.wish.proof.scratchURLFrom?.secretKeyRef {
      environment.append([
        "name": .string(StepVariables.scratch), "valueFrom": StepJob.source(key),
      ])
    }
    let own = (template["containers"]?.array ?? []).first {
      $0["name"]?.string == workload?.container
    }
    let path = own?.value(at: "/readinessProbe/httpGet/path")?.string
    environment += [
      [
        "name": .string(StepVariables.serverAddress),
        "valueFrom": ["fieldRef": ["fieldPath": "status.podIP"]],
      ],
      [
        "name": .string(StepVariables.serverPort), "value": .string("\(workload?.port ?? 0)"),
      ],
      [
        "name": .string(StepVariables.readinessPath),
        "value": .string(path ?? workload?.version.path ?? "/version"),
      ],
    ]
    return windlass("step", job.order, environment)
  }

  private func windlass(
    _ name: String, _ order: StepOrder, _ environment: [JSONValue]
  ) -> JSONValue {
    let user = settings.user
    var mounts: [JSONValue] = [
      ["name": "windlass-plan", "mountPath": .string(StepPaths.plan), "readOnly": true],
      ["name": "windlass-work", "mountPath": .string(StepPaths.work)],
    ]
    if order.kind == .visit { mounts += copies }
    var security = StepJob.containerSecurity
    for (field, value) in [("runAsUser", user), ("runAsGroup", user)] {
      security = security.setting(field, to: .integer(value))
    }
    security = security.setting("runAsNonRoot", to: true)
      .setting("seccompProfile", to: ["type": "RuntimeDefault"])
    return job.windlass(name, order, mounts: mounts, environment: environment)
      .setting("securityContext", to: security)
  }

  // MARK: - Volumes

  /// The folder of copies that are files, where their URLs have it, and nothing else of the volume.
  private var copies: [JSONValue] {
    guard let folder = question.copyFolder else { return [] }
    return [
      [
        "name": "windlass-copies", "mountPath": .string(StepPaths.volume + "/" + folder),
        "subPath": .string(folder),
      ]
    ]
  }

  private var volumes: [JSONValue] {
    var volumes = (template["volumes"]?.array ?? []).map(harmless)
    volumes += [
      [
        "name": "windlass-plan", "configMap": ["name": .string(StepName.document(scope))],
      ], ["name": "windlass-work", "emptyDir": .object([])],
    ]
    if question.copyFolder != nil, let claim = scope.wish.backup.volumeClaim {
      volumes.append([
        "name": "windlass-copies", "persistentVolumeClaim": ["claimName": .string(claim)],
      ])
    }
    return volumes
  }

  /// A volume of the template; an empty one in place of what holds the service's data, the node's
  /// files, or somebody's token.
  private func harmless(_ volume: JSONValue) -> JSONValue {
    let taken = ["configMap", "secret", "downwardAPI", "emptyDir"]
    if taken.contains(where: { volume[$0] != nil }) { return volume }
    if let sources = volume.value(at: "/projected/sources")?.array {
      let rest = sources.filter { $0["serviceAccountToken"] == nil }
      if !rest.isEmpty { return volume.setting(["projected", "sources"], to: .array(rest)) }
    }
    return ["name": volume["name"] ?? "", "emptyDir": .object([])]
  }
}

extension FleetSpec {
  /// The workload of a cluster, whatever its kind; nil for another kind of fleet.
  package var workload: WorkloadSpec? { deployment ?? statefulSet ?? daemonSet }

  /// Where that workload is kept.
  var workloadType: ResourceType? {
    if deployment != nil { return .deployments }
    if statefulSet != nil { return .statefulSets }
    return daemonSet == nil ? nil : .daemonSets
  }
}
