/// The fields of the built-in kinds that an operator and its services use.
enum BuiltInSchemas {
  /// The schema of a kind with its metadata; of anything, for a kind that is not described.
  static func schema(of kind: String, in group: String) -> FieldSchema {
    let name = kind == "Event" && !group.isEmpty ? "NewEvent" : kind
    var schema = SchemaNotation.schema(name, in: entries)
    guard schema.type != nil else { return .anything }
    schema.properties["apiVersion"] = FieldSchema(type: "string")
    schema.properties["kind"] = FieldSchema(type: "string")
    schema.properties["metadata"] = metadata
    return schema
  }

  /// `metadata`, which every kind has.
  static let metadata = SchemaNotation.schema("ObjectMeta", in: entries)

  private static let entries = common.merging(pods.merging(policies) { $1 }) { $1 }

  private static let common: [String: String] = [
    "ObjectMeta": """
    {name: string, generateName: string, namespace: string, uid: string, resourceVersion: string,
     selfLink: string, generation: int, creationTimestamp: string, deletionTimestamp: string,
     deletionGracePeriodSeconds: int?, labels: {*: string}, annotations: {*: string},
     finalizers: [string]<set>, ownerReferences: [@OwnerReference^]<uid>, managedFields: [any]}!
    """,
    "OwnerReference": """
    {apiVersion: string, kind: string, name: string, uid: string, controller: bool?,
     blockOwnerDeletion: bool?}
    """,
    "ConfigMap": "{data: {*: string}, binaryData: {*: string}, immutable: bool?}",
    "Secret": """
    {data: {*: string}, stringData: {*: string}, immutable: bool?, type: string=Opaque}
    """,
    "Namespace": """
    {spec: {finalizers: [string]}!,
     status: {phase: string, conditions: [@Condition]<type>}!}
    """,
    "Condition": """
    {type: string, status: string, observedGeneration: int, lastProbeTime: string,
     lastUpdateTime: string, lastTransitionTime: string, reason: string, message: string}
    """,
    "Service": """
    {spec: {ports: [{name: string, protocol: string=TCP, appProtocol: string, port: int!,
                     targetPort: intstr, nodePort: int}]<port,protocol>,
            selector: {*: string}^, clusterIP: string, clusterIPs: [string],
            type: string=ClusterIP, externalIPs: [string], sessionAffinity: string=None,
            loadBalancerIP: string, loadBalancerSourceRanges: [string], externalName: string,
            externalTrafficPolicy: string, healthCheckNodePort: int,
            publishNotReadyAddresses: bool, sessionAffinityConfig: any, ipFamilies: [string],
            ipFamilyPolicy: string?, internalTrafficPolicy: string?, loadBalancerClass: string?,
            allocateLoadBalancerNodePorts: bool?, trafficDistribution: string?}!,
     status: {loadBalancer: any!, conditions: [@Condition]<type>}!}
    """,
    "ServiceAccount": """
    {secrets: [any]<name>, imagePullSecrets: [any], automountServiceAccountToken: bool?}
    """,
    "Lease": """
    {spec: {holderIdentity: string?, leaseDurationSeconds: int?, acquireTime: microtime,
            renewTime: microtime, leaseTransitions: int?, strategy: string?,
            preferredHolder: string?}!}
    """,
    "ObjectReference": """
    {kind: string, namespace: string, name: string, uid: string, apiVersion: string,
     resourceVersion: string, fieldPath: string}^
    """,
    "Event": """
    {involvedObject: @ObjectReference!, reason: string, message: string,
     source: {component: string, host: string}!, firstTimestamp: string, lastTimestamp: string,
     count: int, type: string, eventTime: microtime,
     series: {count: int, lastObservedTime: microtime}, action: string,
     related: @ObjectReference, reportingComponent: string, reportingInstance: string}
    """,
    "NewEvent": """
    {eventTime: microtime, series: {count: int, lastObservedTime: microtime},
     reportingController: string, reportingInstance: string, action: string, reason: string,
     regarding: @ObjectReference!, related: @ObjectReference, note: string, type: string,
     deprecatedSource: {component: string, host: string}!, deprecatedFirstTimestamp: string,
     deprecatedLastTimestamp: string, deprecatedCount: int}
    """,
    "PolicyRule": """
    {verbs: [string], apiGroups: [string], resources: [string], resourceNames: [string],
     nonResourceURLs: [string]}
    """,
    "Role": "{rules: [@PolicyRule]}",
    "ClusterRole": "{rules: [@PolicyRule], aggregationRule: any}",
    "Subject": "{kind: string, apiGroup: string, name: string, namespace: string}^",
    "RoleRef": "{apiGroup: string, kind: string, name: string}!^",
    "RoleBinding": "{subjects: [@Subject], roleRef: @RoleRef}",
    "ClusterRoleBinding": "{subjects: [@Subject], roleRef: @RoleRef}",
    "CustomResourceDefinition": """
    {spec: {group: string!, names: {plural: string!, singular: string, shortNames: [string],
            kind: string!, listKind: string, categories: [string]}!, scope: string!,
            versions: [any], conversion: {strategy: string, webhook: any},
            preserveUnknownFields: bool}!,
     status: {conditions: [@Condition]<type>, acceptedNames: {plural: string!, singular: string,
              shortNames: [string], kind: string!, listKind: string, categories: [string]}!,
              storedVersions: [string]}!}
    """,
    "Selector": "{matchLabels: {*: string}, matchExpressions: [any]}^",
    "Deployment": """
    {spec: {replicas: int?=1, selector: @Selector, template: @Template!,
            strategy: {type: string=RollingUpdate,
                       rollingUpdate: {maxUnavailable: intstr?, maxSurge: intstr?}}!,
            minReadySeconds: int, revisionHistoryLimit: int?=10, paused: bool,
            progressDeadlineSeconds: int?=600}!,
     status: {observedGeneration: int, replicas: int, updatedReplicas: int, readyReplicas: int,
              availableReplicas: int, unavailableReplicas: int, terminatingReplicas: int?,
              conditions: [@Condition]<type>, collisionCount: int?}!}
    """,
    "ReplicaSet": """
    {spec: {replicas: int?=1, minReadySeconds: int, selector: @Selector, template: @Template!}!,
     status: {replicas: int!, fullyLabeledReplicas: int, readyReplicas: int,
              availableReplicas: int, terminatingReplicas: int?, observedGeneration: int,
              conditions: [@Condition]<type>}!}
    """,
    "StatefulSet": """
    {spec: {replicas: int?=1, selector: @Selector, template: @Template!,
            volumeClaimTemplates: [any], serviceName: string,
            podManagementPolicy: string=OrderedReady,
            updateStrategy: {type: string=RollingUpdate,
                             rollingUpdate: {partition: int?, maxUnavailable: intstr?}}!,
            revisionHistoryLimit: int?=10, minReadySeconds: int,
            persistentVolumeClaimRetentionPolicy: {whenDeleted: string=Retain,
                                                   whenScaled: string=Retain}={},
            ordinals: {start: int}}!,
     status: {observedGeneration: int, replicas: int!, readyReplicas: int, currentReplicas: int,
              updatedReplicas: int, currentRevision: string, updateRevision: string,
              collisionCount: int?, conditions: [@Condition]<type>, availableReplicas: int!}!}
    """,
    "DaemonSet": """
    {spec: {selector: @Selector, template: @Template!,
            updateStrategy: {type: string=RollingUpdate,
                             rollingUpdate: {maxUnavailable: intstr?, maxSurge: intstr?}}!,
            minReadySeconds: int, revisionHistoryLimit: int?=10}!,
     status: {currentNumberScheduled: int!, numberMisscheduled: int!,
              desiredNumberScheduled: int!, numberReady: int!, observedGeneration: int,
              updatedNumberScheduled: int, numberAvailable: int, numberUnavailable: int,
              collisionCount: int?, conditions: [@Condition]<type>}!}
    """,
    "NetworkPolicy": """
    {spec: {podSelector: @Selector, policyTypes: [string], ingress: [any], egress: [any]}!}
    """,
    "ControllerRevision": "{data: any^, revision: int!}",
    "PodDisruptionBudget": """
    {spec: {minAvailable: intstr?, selector: @Selector, maxUnavailable: intstr?,
            unhealthyPodEvictionPolicy: string?}!,
     status: {observedGeneration: int, disruptedPods: {*: string}, disruptionsAllowed: int!,
              currentHealthy: int!, desiredHealthy: int!, expectedPods: int!,
              conditions: [@Condition]<type>}!}
    """,
    "Job": """
    {spec: {parallelism: int?, completions: int?, activeDeadlineSeconds: int?,
            podFailurePolicy: {rules: [any]}, successPolicy: any, backoffLimit: int?=6,
            selector: @Selector, manualSelector: bool?=false, template: @Template!,
            ttlSecondsAfterFinished: int?, completionMode: string?=NonIndexed,
            suspend: bool?=false, podReplacementPolicy: string?}!,
     status: {conditions: [@Condition], startTime: string, completionTime: string, active: int,
              succeeded: int, failed: int, terminating: int?, ready: int?,
              uncountedTerminatedPods: {succeeded: [string]<set>, failed: [string]<set>}}!}
    """,
  ]
}
