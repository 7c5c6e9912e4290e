package import WindlassCore
package import WindlassWire

/// Writes down the Job of a step, and the ConfigMap that its steps read (design 5.1).
package struct StepJob: Hashable, Sendable {
  package let scope: StepScope
  package let order: StepOrder
  /// From 1; each attempt has a name of its own.
  package let attempt: Int
  /// What the fence must say for the step to go on; nil where that travels in the order, or where
  /// nobody has taken it yet.
  package let epoch: Epoch?
  /// The release's image, for the service's own migrate command.
  package let image: String?
  /// The workload's pod template, for a visit.
  package let template: JSONValue?

  package init(
    scope: StepScope, order: StepOrder, attempt: Int, epoch: Epoch? = nil, image: String? = nil,
    template: JSONValue? = nil
  ) {
    self.scope = scope
    self.order = order
    self.attempt = attempt
    self.epoch = epoch
    self.image = image
    self.template = template
  }

  package var name: String { StepName.job(scope, order, attempt: attempt) }

  package var reference: ObjectReference {
    ObjectReference(.jobs, name, in: scope.settings.namespace)
  }

  /// The Job as it is created.
  package var object: KubernetesObject {
    KubernetesObject([
      "apiVersion": "batch/v1", "kind": "Job",
      "metadata": [
        "name": .string(name), "namespace": .string(scope.settings.namespace),
        "labels": JSONValue(texts: labels), "annotations": JSONValue(texts: annotations),
        "ownerReferences": [scope.owner.reference],
      ],
      "spec": [
        // Whoever reads the outcome decides about another attempt; the controller makes none.
        "backoffLimit": 0, "completions": 1, "parallelism": 1,
        "podReplacementPolicy": "Failed",
        "activeDeadlineSeconds": .integer(deadlineSeconds),
        "template": [
          "metadata": [
            "labels": JSONValue(texts: podMarks.merging(labels) { _, own in own }),
            "annotations": JSONValue(texts: podMarks.merging(annotations) { _, own in own }),
          ],
          "spec": podSpec,
        ],
      ],
    ])
  }

  var labels: [String: String] {
    scope.labels.merging([
      StepLabel.step: order.kind.rawValue, StepLabel.order: StepName.order(scope, order),
      StepLabel.attempt: "\(attempt)",
    ]) { _, new in new }
  }

  /// Labels and annotations of the pod alone.
  private var podMarks: [String: String] { order.kind == .visit ? VisitPod.marks : [:] }

  var annotations: [String: String] {
    var annotations = [
      StepLabel.planDigest: scope.document.digest.text, StepLabel.orderDigest: order.digest.text,
    ]
    if let epoch { annotations[StepLabel.epoch] = epoch.description }
    return annotations
  }

  var deadlineSeconds: Int64 { (order.kind.deadline.milliseconds + 999) / 1_000 }

  // MARK: - The pod

  private var podSpec: JSONValue {
    if case .visit(let question) = order { return VisitPod(job: self, question: question).spec }
    let settings = scope.settings
    var members: [JSONMember] = [
      JSONMember("restartPolicy", "Never"),
      JSONMember("serviceAccountName", .string(settings.serviceAccount)),
      JSONMember("automountServiceAccountToken", false),
      JSONMember("enableServiceLinks", false),
      // A Job that is deleted without its pod bounds it no more; the pod bounds itself.
      JSONMember("activeDeadlineSeconds", .integer(deadlineSeconds)),
      JSONMember(
        "terminationGracePeriodSeconds", .integer(StepBounds.grace.milliseconds / 1_000)),
      JSONMember("securityContext", podSecurity),
      JSONMember("volumes", .array(volumes)),
    ]
    if isCommand { members.append(JSONMember("initContainers", [fenceContainer])) }
    members.append(JSONMember("containers", [isCommand ? commandContainer : stepContainer]))
    if !settings.imagePullSecrets.isEmpty {
      members.append(
        JSONMember(
          "imagePullSecrets", .array(settings.imagePullSecrets.map { ["name": .string($0)] })))
    }
    if !settings.nodeSelector.isEmpty {
      members.append(JSONMember("nodeSelector", JSONValue(texts: settings.nodeSelector)))
    }
    if !settings.tolerations.isEmpty {
      members.append(JSONMember("tolerations", .array(settings.tolerations)))
    }
    if let node = settings.node { members.append(JSONMember("affinity", affinity(node))) }
    return .object(members)
  }

  private var isCommand: Bool { order.kind == .command }

  private var podSecurity: JSONValue {
    let user = scope.settings.user
    return [
      "runAsNonRoot": true, "runAsUser": .integer(user), "runAsGroup": .integer(user),
      "fsGroup": .integer(user), "fsGroupChangePolicy": "OnRootMismatch",
      "seccompProfile": ["type": "RuntimeDefault"],
    ]
  }

  static let containerSecurity: JSONValue = [
    "allowPrivilegeEscalation": false, "readOnlyRootFilesystem": true, "privileged": false,
    "capabilities": ["drop": ["ALL"]],
  ]

  func affinity(_ node: String) -> JSONValue {
    [
      "nodeAffinity": [
        "requiredDuringSchedulingIgnoredDuringExecution": [
          "nodeSelectorTerms": [
            [
              "matchFields": [
                ["key": "metadata.name", "operator": "In", "values": [.string(node)]]
              ]
            ]
          ]
        ]
      ]
    ]
  }

  private var resources: JSONValue {
    [
      "limits": JSONValue(texts: scope.settings.limits),
      "requests": JSONValue(texts: scope.settings.requests),
    ]
  }

  // MARK: - Containers

  private var stepContainer: JSONValue {
    windlass("step", order, mounts: mounts(of: order.kind), environment: environment)
  }

  /// Lets the service's own command begin only while the fence is ours.
  private var fenceContainer: JSONValue {
    guard case .command(let migration) = order else {
      preconditionFailure("only a command has an init container")
    }
    return windlass(
      "fence", .checkFence(migration.epoch), mounts: mounts(of: .checkFence),
      environment: environment)
  }

  func windlass(
    _ name: String, _ order: StepOrder, mounts: [JSONValue], environment: [JSONValue]
  ) -> JSONValue {
    var words = [
      "step", order.kind.rawValue, "--plan", StepPaths.document, "--plan-digest",
      "sha256:" + scope.document.digest.text, "--order", order.text, "--work", StepPaths.work,
      "--message", StepPaths.message,
    ]
    if order.kind.mountsClaim { words += ["--volume", StepPaths.volume] }
    if let epoch { words += ["--epoch", "\(epoch)"] }
    return [
      "name": .string(name), "image": .string(scope.settings.image), "command": ["windlass"],
      "args": .array(words.map { .string($0) }), "env": .array(environment),
      "resources": resources, "securityContext": Self.containerSecurity,
      "terminationMessagePath": .string(StepPaths.message), "terminationMessagePolicy": "File",
      "volumeMounts": .array(mounts),
    ]
  }

  /// The service's own migrate command in the release's image.
  private var commandContainer: JSONValue {
    let wish = scope.wish
    let lock = wish.database.lockBudget.milliseconds
    var environment = plainEnvironment
    if let inject = wish.database.inject, let source = source(of: .migrate) {
      environment.append(["name": .string(inject.env), "valueFrom": source])
    }
    // What libpq and most clients of PostgreSQL add to each connection; others ignore it.
    environment.append(["name": "PGOPTIONS", "value": .string("-c lock_timeout=\(lock)ms")])
    return [
      "name": "migrate", "image": .string(image ?? ""),
      "command": .array((wish.migrations.command ?? []).map { .string($0) }),
      "env": .array(environment), "resources": resources,
      "securityContext": Self.containerSecurity,
      "terminationMessagePolicy": "FallbackToLogsOnError",
      "volumeMounts": .array(mounts(of: .command)),
    ]
  }

  // MARK: - What containers see

  var plainEnvironment: [JSONValue] {
    ["HOME", "TMPDIR"].map { ["name": .string($0), "value": .string(StepPaths.work)] }
  }

  private var environment: [JSONValue] {
    var variables = plainEnvironment
    if let role = order.kind.role, let source = source(of: role) {
      variables.append(["name": .string(StepVariables.database), "valueFrom": source])
    }
    if order.kind.usesScratch, let key = scope.wish.proof.scratchURLFrom?.secretKeyRef {
      variables.append(["name": .string(StepVariables.scratch), "valueFrom": Self.source(key)])
    }
    guard order.kind.asksReplicas else { return variables }
    for (index, replica) in (scope.wish.database.replicas ?? []).enumerated() {
      guard let key = replica.urlFrom.secretKeyRef else { continue }
      variables.append([
        "name": .string(StepVariables.replica(index)), "valueFrom": Self.source(key),
      ])
    }
    return variables
  }

  /// The Secret of a role's URL, or of the main one.
  private func source(of role: StepRole) -> JSONValue? {
    let database = scope.wish.database
    let own =
      switch role {
      case .backup: database.roles?.backup
      case .migrate: database.roles?.migrate
      case .probe: database.roles?.probe
      }
    return (own?.urlFrom.secretKeyRef ?? database.urlFrom.secretKeyRef).map(Self.source)
  }

  static func source(_ key: SecretKeySpec) -> JSONValue {
    ["secretKeyRef": ["name": .string(key.name), "key": .string(key.key)]]
  }

  private var volumes: [JSONValue] {
    var volumes: [JSONValue] = [
      ["name": "plan", "configMap": ["name": .string(StepName.document(scope))]],
      ["name": "work", "emptyDir": .object([])],
    ]
    if order.kind.mountsClaim, let claim = scope.wish.backup.volumeClaim {
      volumes.append(["name": "volume", "persistentVolumeClaim": ["claimName": .string(claim)]])
    }
    if order.kind.role != nil, let database = scope.settings.databaseVolume {
      volumes.append([
        "name": "database", "persistentVolumeClaim": ["claimName": .string(database.claim)],
      ])
    }
    return volumes
  }

  private func mounts(of kind: StepKind) -> [JSONValue] {
    var mounts: [JSONValue] = [
      ["name": "plan", "mountPath": .string(StepPaths.plan), "readOnly": true],
      ["name": "work", "mountPath": .string(StepPaths.work)],
    ]
    if kind.mountsClaim, scope.wish.backup.volumeClaim != nil {
      mounts.append(["name": "volume", "mountPath": .string(StepPaths.volume)])
    }
    if kind.role != nil, let database = scope.settings.databaseVolume {
      mounts.append(["name": "database", "mountPath": .string(database.mountPath)])
    }
    return mounts
  }
}

extension StepScope {
  /// The ConfigMap that all steps of the scope read; it can't be changed, only deleted.
  package var configMap: KubernetesObject {
    let reference = ObjectReference(.configMaps, StepName.document(self), in: settings.namespace)
    let object = KubernetesObject(
      reference,
      [
        JSONMember("immutable", true),
        JSONMember(
          "data",
          .object([
            JSONMember(
              StepPaths.documentKey, .string(String(decoding: document.bytes, as: UTF8.self)))
          ])),
      ])
    return KubernetesObject(
      object.body.setting(["metadata", "labels"], to: JSONValue(texts: labels))
        .setting(
          ["metadata", "annotations"],
          to: JSONValue(texts: [StepLabel.planDigest: document.digest.text])
        )
        .setting(["metadata", "ownerReferences"], to: [owner.reference]))
  }
}

extension JSONValue {
  /// An object of texts, in the order of their names.
  init(texts: [String: String]) {
    self = .object(
      texts.sorted { $0.key < $1.key }.map { JSONMember($0.key, .string($0.value)) })
  }
}
