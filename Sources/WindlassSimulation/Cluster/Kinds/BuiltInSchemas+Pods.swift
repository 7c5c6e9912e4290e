/// What pods are made of.
extension BuiltInSchemas {
  static let pods: [String: String] = [
    "Template": """
    {metadata: {name: string, labels: {*: string}, annotations: {*: string},
                creationTimestamp: string}!, spec: @PodSpec!}
    """,
    "PodSpec": """
    {volumes: [@Volume]<name>, initContainers: [@Container]<name>, containers: [@Container]<name>!,
     restartPolicy: string=Always, terminationGracePeriodSeconds: int?=30,
     activeDeadlineSeconds: int?, dnsPolicy: string=ClusterFirst, nodeSelector: {*: string}^,
     serviceAccountName: string, serviceAccount: string, automountServiceAccountToken: bool?,
     nodeName: string, hostNetwork: bool, hostPID: bool, hostIPC: bool,
     shareProcessNamespace: bool?, securityContext: @PodSecurity={},
     imagePullSecrets: [{name: string}^]<name>, hostname: string, subdomain: string,
     affinity: {nodeAffinity: {requiredDuringSchedulingIgnoredDuringExecution: any^,
                               preferredDuringSchedulingIgnoredDuringExecution: [any]},
                podAffinity: any, podAntiAffinity: any},
     schedulerName: string=default-scheduler, tolerations: [@Toleration], priorityClassName: string,
     priority: int?, enableServiceLinks: bool?, preemptionPolicy: string?,
     topologySpreadConstraints: [@Spread]<topologyKey,whenUnsatisfiable>}
    """,
    "Container": """
    {name: string, image: string, command: [string], args: [string], workingDir: string,
     ports: [{name: string, hostPort: int, containerPort: int, protocol: string=TCP,
              hostIP: string}]<containerPort,protocol>,
     envFrom: [@Variables], env: [{name: string, value: string, valueFrom: @VariableSource}]<name>,
     resources: {limits: {*: any}, requests: {*: any}, claims: [any]}!,
     volumeMounts: [@Mount]<mountPath>, restartPolicy: string?, livenessProbe: @Probe,
     readinessProbe: @Probe, startupProbe: @Probe, lifecycle: any,
     terminationMessagePath: string=/dev/termination-log, terminationMessagePolicy: string=File,
     imagePullPolicy: string=IfNotPresent, securityContext: @Security, stdin: bool, tty: bool}
    """,
    "Probe": """
    {exec: {command: [string]}, httpGet: {path: string=/, port: intstr, host: string,
     scheme: string=HTTP, httpHeaders: [any]}, tcpSocket: any, grpc: any,
     initialDelaySeconds: int, timeoutSeconds: int=1, periodSeconds: int=10,
     successThreshold: int=1, failureThreshold: int=3, terminationGracePeriodSeconds: int?}
    """,
    "Pod": """
    {spec: @PodSpec!,
     status: {observedGeneration: int, phase: string, conditions: [any]<type>, message: string,
              reason: string, hostIP: string, hostIPs: [any], podIP: string, podIPs: [any]<ip>,
              startTime: string, initContainerStatuses: [any], containerStatuses: [any],
              qosClass: string}!}
    """,
    "PodSecurity": """
    {seLinuxOptions: any, windowsOptions: any, runAsUser: int?, runAsGroup: int?,
     runAsNonRoot: bool?, supplementalGroups: [int], supplementalGroupsPolicy: string?,
     fsGroup: int?, fsGroupChangePolicy: string?, sysctls: [any], seccompProfile: @Profile,
     appArmorProfile: @Profile, seLinuxChangePolicy: string?}
    """,
    "Security": """
    {capabilities: {add: [string], drop: [string]}, privileged: bool?, seLinuxOptions: any,
     windowsOptions: any, runAsUser: int?, runAsGroup: int?, runAsNonRoot: bool?,
     readOnlyRootFilesystem: bool?, allowPrivilegeEscalation: bool?, procMount: string?,
     seccompProfile: @Profile, appArmorProfile: @Profile}
    """,
    "Profile": "{type: string, localhostProfile: string?}",
    "Mount": """
    {name: string, readOnly: bool, recursiveReadOnly: string?, mountPath: string,
     subPath: string, subPathExpr: string, mountPropagation: string?}
    """,
    "Volume": """
    {name: string, emptyDir: {medium: string, sizeLimit: any}, configMap: @VolumeFiles,
     secret: {secretName: string, items: [any], defaultMode: int?, optional: bool?},
     persistentVolumeClaim: {claimName: string, readOnly: bool},
     hostPath: {path: string, type: string?}, downwardAPI: {items: [any], defaultMode: int?},
     projected: {sources: [any], defaultMode: int?}, ephemeral: any, csi: any, image: any,
     nfs: any, iscsi: any, fc: any}
    """,
    "VolumeFiles": "{name: string, items: [any], defaultMode: int?, optional: bool?}",
    "KeyReference": "{name: string, key: string, optional: bool?}^",
    "VariableSource": """
    {secretKeyRef: @KeyReference, configMapKeyRef: @KeyReference,
     fieldRef: {apiVersion: string, fieldPath: string}^,
     resourceFieldRef: {containerName: string, resource: string, divisor: any}^,
     fileKeyRef: any}
    """,
    "Variables": """
    {prefix: string, configMapRef: {name: string, optional: bool?},
     secretRef: {name: string, optional: bool?}}
    """,
    "Toleration": """
    {key: string, operator: string, value: string, effect: string, tolerationSeconds: int?}
    """,
    "Spread": """
    {maxSkew: int, topologyKey: string, whenUnsatisfiable: string, labelSelector: @Selector,
     minDomains: int?, nodeAffinityPolicy: string?, nodeTaintsPolicy: string?,
     matchLabelKeys: [string]}
    """,
  ]
}
