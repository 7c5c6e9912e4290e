import WindlassWire

/// The binary messages of what people make with `kubectl create` and what typed clients send: the
/// numbers, names and types of their fields, from the published interface descriptions of
/// Kubernetes.
///
/// Types are `s` text, `i` integer, `b` truth, `y` bytes, `t` time, or another message; `[…]` is a
/// list, `<…>` a map from texts. `?` marks what is kept when it is empty.
enum ProtobufForms {
  typealias Message = [Int: Field]

  /// One field of a message.
  struct Field: Sendable {
    var name: String
    var kind: String
    var isRepeated = false
    var isMap = false
    var isPointer = false

    /// The field as one value of its map.
    var withoutMap: Field { Field(name: name, kind: kind) }

    /// Whether a value stands for absence: Go's encoder writes fields that are not set.
    func isDropped(_ value: JSONValue) -> Bool {
      guard !isPointer else { return false }
      switch value {
      case .null, "", 0, false: return true
      case .object(let members): return members.isEmpty
      default: return false
      }
    }
  }

  /// The messages by name.
  static let messages: [String: Message] = table.mapValues { text in
    var message: Message = [:]
    for entry in text.split(separator: ",") {
      let words = entry.split(whereSeparator: \.isWhitespace).map(String.init)
      guard words.count == 3, let number = Int(words[0]) else { continue }
      var field = Field(name: words[1], kind: words[2])
      if field.kind.hasSuffix("?") {
        field.isPointer = true
        field.kind.removeLast()
      }
      field.isRepeated = field.kind.hasPrefix("[")
      field.isMap = field.kind.hasPrefix("<")
      if field.isRepeated || field.isMap { field.kind = String(field.kind.dropFirst().dropLast()) }
      message[number] = field
    }
    return message
  }

  private static let table: [String: String] = [
    "ObjectMeta": """
    1 name s, 2 generateName s, 3 namespace s, 4 selfLink s, 5 uid s, 6 resourceVersion s,
    7 generation i, 8 creationTimestamp t, 9 deletionTimestamp t,
    10 deletionGracePeriodSeconds i?, 11 labels <s>, 12 annotations <s>,
    13 ownerReferences [OwnerReference], 14 finalizers [s]
    """,
    "OwnerReference": """
    1 kind s, 3 name s, 4 uid s, 5 apiVersion s, 6 controller b?, 7 blockOwnerDeletion b?
    """,
    "Namespace": "1 metadata ObjectMeta, 2 spec NamespaceSpec, 3 status NamespaceStatus",
    "NamespaceSpec": "1 finalizers [s]",
    "NamespaceStatus": "1 phase s",
    "ConfigMap": "1 metadata ObjectMeta, 2 data <s>, 3 binaryData <y>, 4 immutable b?",
    "Secret": "1 metadata ObjectMeta, 2 data <y>, 3 type s, 4 stringData <s>, 5 immutable b?",
    "ServiceAccount": """
    1 metadata ObjectMeta, 2 secrets [ObjectReference], 3 imagePullSecrets [LocalReference],
    4 automountServiceAccountToken b?
    """,
    "ObjectReference": """
    1 kind s, 2 namespace s, 3 name s, 4 uid s, 5 apiVersion s, 6 resourceVersion s, 7 fieldPath s
    """,
    "LocalReference": "1 name s",
    "DeleteOptions": """
    1 gracePeriodSeconds i?, 2 preconditions Preconditions, 3 orphanDependents b?,
    4 propagationPolicy s, 5 dryRun [s]
    """,
    "Preconditions": "1 uid s, 2 resourceVersion s",
    "Eviction": "1 metadata ObjectMeta, 2 deleteOptions DeleteOptions",
    "TokenRequest": "1 metadata ObjectMeta, 2 spec TokenSpec, 3 status TokenStatus",
    "TokenSpec": "1 audiences [s], 3 boundObjectRef BoundReference, 4 expirationSeconds i?",
    "TokenStatus": "1 token s, 2 expirationTimestamp t",
    "BoundReference": "1 kind s, 2 apiVersion s, 3 name s, 4 uid s",
    "SelfSubjectAccessReview": "1 metadata ObjectMeta, 2 spec AccessSpec, 3 status AccessStatus",
    "AccessSpec": "1 resourceAttributes ResourceAttributes, 2 nonResourceAttributes PathAttributes",
    "ResourceAttributes": """
    1 namespace s, 2 verb s, 3 group s, 4 version s, 5 resource s, 6 subresource s, 7 name s
    """,
    "PathAttributes": "1 path s, 2 verb s",
    "AccessStatus": "1 allowed b, 2 reason s, 3 evaluationError s, 4 denied b",
    "SelfSubjectRulesReview": "1 metadata ObjectMeta, 2 spec RulesSpec, 3 status RulesStatus",
    "RulesSpec": "1 namespace s",
    "RulesStatus": "3 incomplete b, 4 evaluationError s",
    "SelfSubjectReview": "1 metadata ObjectMeta, 2 status ReviewStatus",
    "ReviewStatus": "1 userInfo UserInfo",
    "UserInfo": "1 username s, 2 uid s, 3 groups [s]",
    "PolicyRule": """
    1 verbs [s], 2 apiGroups [s], 3 resources [s], 4 resourceNames [s], 5 nonResourceURLs [s]
    """,
    "Role": "1 metadata ObjectMeta, 2 rules [PolicyRule]",
    "ClusterRole": "1 metadata ObjectMeta, 2 rules [PolicyRule]",
    "Subject": "1 kind s, 2 apiGroup s, 3 name s, 4 namespace s",
    "RoleRef": "1 apiGroup s, 2 kind s, 3 name s",
    "RoleBinding": "1 metadata ObjectMeta, 2 subjects [Subject], 3 roleRef RoleRef",
    "ClusterRoleBinding": "1 metadata ObjectMeta, 2 subjects [Subject], 3 roleRef RoleRef",
    "LabelSelector": "1 matchLabels <s>, 2 matchExpressions [Requirement]",
    "Requirement": "1 key s, 2 operator s, 3 values [s]",
    "Deployment": "1 metadata ObjectMeta, 2 spec DeploymentSpec, 3 status DeploymentStatus",
    "DeploymentSpec": """
    1 replicas i?, 2 selector LabelSelector, 3 template PodTemplateSpec, 4 strategy Strategy,
    5 minReadySeconds i, 6 revisionHistoryLimit i?, 7 paused b, 9 progressDeadlineSeconds i?
    """,
    "Strategy": "1 type s",
    "DeploymentStatus": """
    1 observedGeneration i, 2 replicas i, 3 updatedReplicas i, 4 availableReplicas i,
    5 unavailableReplicas i, 7 readyReplicas i, 8 collisionCount i?, 9 terminatingReplicas i?
    """,
    "PodTemplateSpec": "1 metadata ObjectMeta, 2 spec PodSpec",
    "PodSpec": """
    2 containers [Container], 3 restartPolicy s, 4 terminationGracePeriodSeconds i?,
    5 activeDeadlineSeconds i?, 6 dnsPolicy s, 7 nodeSelector <s>, 8 serviceAccountName s,
    9 serviceAccount s, 10 nodeName s, 11 hostNetwork b, 12 hostPID b, 13 hostIPC b,
    15 imagePullSecrets [LocalReference], 16 hostname s, 17 subdomain s, 19 schedulerName s,
    20 initContainers [Container], 21 automountServiceAccountToken b?
    """,
    "Container": """
    1 name s, 2 image s, 3 command [s], 4 args [s], 5 workingDir s, 6 ports [ContainerPort],
    7 env [EnvVar], 8 resources Resources, 9 volumeMounts [VolumeMount],
    13 terminationMessagePath s, 14 imagePullPolicy s, 16 stdin b, 17 stdinOnce b, 18 tty b,
    20 terminationMessagePolicy s
    """,
    "ContainerPort": "1 name s, 2 hostPort i, 3 containerPort i, 4 protocol s, 5 hostIP s",
    "EnvVar": "1 name s, 2 value s",
    "Resources": "1 limits <Quantity>, 2 requests <Quantity>",
    "Quantity": "1 string s",
    "VolumeMount": "1 name s, 2 readOnly b, 3 mountPath s, 4 subPath s",
    "Job": "1 metadata ObjectMeta, 2 spec JobSpec, 3 status JobStatus",
    "JobSpec": """
    1 parallelism i?, 2 completions i?, 3 activeDeadlineSeconds i?, 4 selector LabelSelector,
    5 manualSelector b?, 6 template PodTemplateSpec, 7 backoffLimit i?,
    8 ttlSecondsAfterFinished i?, 9 completionMode s, 10 suspend b?
    """,
    "JobStatus": "4 active i, 5 succeeded i, 6 failed i",
    "PodDisruptionBudget": "1 metadata ObjectMeta, 2 spec BudgetSpec, 3 status BudgetStatus",
    "BudgetSpec": """
    1 minAvailable IntOrString, 2 selector LabelSelector, 3 maxUnavailable IntOrString
    """,
    "IntOrString": "1 type i, 2 intVal i, 3 strVal s",
    "BudgetStatus": """
    1 observedGeneration i, 3 disruptionsAllowed i, 4 currentHealthy i, 5 desiredHealthy i,
    6 expectedPods i
    """,
    "Service": "1 metadata ObjectMeta, 2 spec ServiceSpec, 3 status ServiceStatus",
    "ServiceSpec": """
    1 ports [ServicePort], 2 selector <s>, 3 clusterIP s, 4 type s, 7 sessionAffinity s,
    8 loadBalancerIP s, 10 externalName s, 13 publishNotReadyAddresses b
    """,
    "ServicePort": """
    1 name s, 2 protocol s, 3 port i, 4 targetPort IntOrString, 5 nodePort i, 6 appProtocol s
    """,
    "ServiceStatus": "1 loadBalancer LoadBalancer",
    "LoadBalancer": "1 ingress [s]",
  ]
}
