/// Kinds by which the operation of a cluster is bounded.
extension BuiltInSchemas {
  static let policies: [String: String] = [
    "HorizontalPodAutoscaler": """
    {spec: {scaleTargetRef: {kind: string, name: string, apiVersion: string}!,
            minReplicas: int?=1, maxReplicas: int!, metrics: [any], behavior: any}!,
     status: {observedGeneration: int, lastScaleTime: string, currentReplicas: int,
              desiredReplicas: int!, currentMetrics: [any], conditions: [@Condition]<type>}!}
    """,
    "NetworkPolicy": """
    {spec: {podSelector: @Selector!, policyTypes: [string],
            ingress: [{from: [@NetworkPeer], ports: [@NetworkPort]}],
            egress: [{to: [@NetworkPeer], ports: [@NetworkPort]}]}!}
    """,
    "NetworkPeer": """
    {podSelector: @Selector, namespaceSelector: @Selector,
     ipBlock: {cidr: string, except: [string]}}
    """,
    "NetworkPort": "{protocol: string=TCP, port: intstr?, endPort: int?}",
    "ValidatingAdmissionPolicy": """
    {spec: {paramKind: {apiVersion: string, kind: string}, matchConstraints: @Match,
            validations: [{expression: string, message: string, reason: string?,
                           messageExpression: string}],
            failurePolicy: string?=Fail,
            auditAnnotations: [{key: string, valueExpression: string}],
            matchConditions: [{name: string, expression: string}]<name>,
            variables: [{name: string, expression: string}]<name>}!,
     status: {observedGeneration: int, typeChecking: any, conditions: [@Condition]<type>}!}
    """,
    "ValidatingAdmissionPolicyBinding": """
    {spec: {policyName: string,
            paramRef: {name: string, namespace: string, selector: @Selector,
                       parameterNotFoundAction: string?},
            matchResources: @Match, validationActions: [string]<set>}!}
    """,
    "Match": """
    {namespaceSelector: @Selector={}, objectSelector: @Selector={},
     resourceRules: [@MatchRule], excludeResourceRules: [@MatchRule],
     matchPolicy: string?=Equivalent}
    """,
    "MatchRule": """
    {resourceNames: [string], operations: [string], apiGroups: [string],
     apiVersions: [string], resources: [string], scope: string?=*}
    """,
  ]
}
