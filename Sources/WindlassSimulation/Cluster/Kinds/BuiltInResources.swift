/// The resources that every server has: group and version, name, singular, kind, namespaced (`n`)
/// or cluster-wide (`c`), verbs (`*` all, `s` those of a status), short names, categories, and the
/// group and version of a subresource of another kind.
enum BuiltInResources {
  private static let table = """
    v1 bindings binding Binding n create - - -
    v1 componentstatuses componentstatus ComponentStatus c get,list cs - -
    v1 configmaps configmap ConfigMap n * cm - -
    v1 endpoints endpoints Endpoints n * ep - -
    v1 events event Event n * ev - -
    v1 limitranges limitrange LimitRange n * limits - -
    v1 namespaces namespace Namespace c create,delete,get,list,patch,update,watch ns - -
    v1 namespaces/finalize - Namespace c update - - -
    v1 namespaces/status - Namespace c s - - -
    v1 nodes node Node c * no - -
    v1 nodes/proxy - NodeProxyOptions c create,delete,get,patch,update - - -
    v1 nodes/status - Node c s - - -
    v1 persistentvolumeclaims persistentvolumeclaim PersistentVolumeClaim n * pvc - -
    v1 persistentvolumeclaims/status - PersistentVolumeClaim n s - - -
    v1 persistentvolumes persistentvolume PersistentVolume c * pv - -
    v1 persistentvolumes/status - PersistentVolume c s - - -
    v1 pods pod Pod n * po all -
    v1 pods/attach - PodAttachOptions n create,get - - -
    v1 pods/binding - Binding n create - - -
    v1 pods/ephemeralcontainers - Pod n s - - -
    v1 pods/eviction - Eviction n create - - policy/v1
    v1 pods/exec - PodExecOptions n create,get - - -
    v1 pods/log - Pod n get - - -
    v1 pods/portforward - PodPortForwardOptions n create,get - - -
    v1 pods/proxy - PodProxyOptions n create,delete,get,patch,update - - -
    v1 pods/resize - Pod n s - - -
    v1 pods/status - Pod n s - - -
    v1 podtemplates podtemplate PodTemplate n * - - -
    v1 replicationcontrollers replicationcontroller ReplicationController n * rc all -
    v1 replicationcontrollers/scale - Scale n s - - autoscaling/v1
    v1 replicationcontrollers/status - ReplicationController n s - - -
    v1 resourcequotas resourcequota ResourceQuota n * quota - -
    v1 resourcequotas/status - ResourceQuota n s - - -
    v1 secrets secret Secret n * - - -
    v1 serviceaccounts serviceaccount ServiceAccount n * sa - -
    v1 serviceaccounts/token - TokenRequest n create - - authentication.k8s.io/v1
    v1 services service Service n * svc all -
    v1 services/proxy - ServiceProxyOptions n create,delete,get,patch,update - - -
    v1 services/status - Service n s - - -
    apps/v1 controllerrevisions controllerrevision ControllerRevision n * - - -
    apps/v1 daemonsets daemonset DaemonSet n * ds all -
    apps/v1 daemonsets/status - DaemonSet n s - - -
    apps/v1 deployments deployment Deployment n * deploy all -
    apps/v1 deployments/scale - Scale n s - - autoscaling/v1
    apps/v1 deployments/status - Deployment n s - - -
    apps/v1 replicasets replicaset ReplicaSet n * rs all -
    apps/v1 replicasets/scale - Scale n s - - autoscaling/v1
    apps/v1 replicasets/status - ReplicaSet n s - - -
    apps/v1 statefulsets statefulset StatefulSet n * sts all -
    apps/v1 statefulsets/scale - Scale n s - - autoscaling/v1
    apps/v1 statefulsets/status - StatefulSet n s - - -
    batch/v1 cronjobs cronjob CronJob n * cj all -
    batch/v1 cronjobs/status - CronJob n s - - -
    batch/v1 jobs job Job n * - all -
    batch/v1 jobs/status - Job n s - - -
    coordination.k8s.io/v1 leases lease Lease n * - - -
    events.k8s.io/v1 events event Event n * ev - -
    networking.k8s.io/v1 networkpolicies networkpolicy NetworkPolicy n * netpol - -
    policy/v1 poddisruptionbudgets poddisruptionbudget PodDisruptionBudget n * pdb - -
    policy/v1 poddisruptionbudgets/status - PodDisruptionBudget n s - - -
    authorization.k8s.io/v1 localsubjectaccessreviews localsubjectaccessreview LocalSubjectAccessReview n create - - -
    authorization.k8s.io/v1 selfsubjectaccessreviews selfsubjectaccessreview SelfSubjectAccessReview c create - - -
    authorization.k8s.io/v1 selfsubjectrulesreviews selfsubjectrulesreview SelfSubjectRulesReview c create - - -
    authorization.k8s.io/v1 subjectaccessreviews subjectaccessreview SubjectAccessReview c create - - -
    apiextensions.k8s.io/v1 customresourcedefinitions customresourcedefinition CustomResourceDefinition c * crd,crds api-extensions -
    apiextensions.k8s.io/v1 customresourcedefinitions/status - CustomResourceDefinition c s - - -
    discovery.k8s.io/v1 endpointslices endpointslice EndpointSlice n * - - -
    rbac.authorization.k8s.io/v1 clusterrolebindings clusterrolebinding ClusterRoleBinding c * - - -
    rbac.authorization.k8s.io/v1 clusterroles clusterrole ClusterRole c * - - -
    rbac.authorization.k8s.io/v1 rolebindings rolebinding RoleBinding n * - - -
    rbac.authorization.k8s.io/v1 roles role Role n * - - -
    authentication.k8s.io/v1 selfsubjectreviews selfsubjectreview SelfSubjectReview c create - - -
    authentication.k8s.io/v1 tokenreviews tokenreview TokenReview c create - - -
    """

  /// All of them, with their subresources.
  static let all: [ResourceType] = {
    var types: [ResourceType] = []
    for line in table.split(separator: "\n") {
      let words = line.split(separator: " ").map { $0 == "-" ? "" : String($0) }
      if words[1].contains("/") {
        types[types.count - 1].subresources.append(subresource(words))
      } else {
        types.append(resource(words))
      }
    }
    return types
  }()

  /// The first of each place where objects are kept.
  static let byStorage = Dictionary(all.map { ($0.storage, $0) }) { first, _ in first }

  private static func resource(_ words: [String]) -> ResourceType {
    let (group, version) = parts(words[0])
    var type = ResourceType(
      group: group, version: version, plural: words[1], singular: words[2], kind: words[3],
      listKind: words[3] + "List", isNamespaced: words[4] == "n", verbs: verbs(words[5]),
      shortNames: words[6].split(separator: ",").map(String.init),
      categories: words[7].split(separator: ",").map(String.init))
    type.schema = BuiltInSchemas.schema(of: words[3], in: group)
    return type
  }

  private static func subresource(_ words: [String]) -> ResourceType.Subresource {
    let (group, version) = words[8].isEmpty ? ("", "") : parts(words[8])
    return ResourceType.Subresource(
      name: String(words[1].split(separator: "/")[1]), group: group, version: version,
      kind: words[3], verbs: verbs(words[5]))
  }

  private static func parts(_ groupVersion: String) -> (group: String, version: String) {
    let parts = groupVersion.split(separator: "/").map(String.init)
    return parts.count == 1 ? ("", parts[0]) : (parts[0], parts[1])
  }

  private static func verbs(_ word: String) -> [String] {
    switch word {
    case "*": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"]
    case "s": ["get", "patch", "update"]
    default: word.split(separator: ",").map(String.init)
    }
  }

  /// Groups in the order in which the server names them, with their versions.
  static let groups: [(name: String, versions: [String])] = [
    ("apiregistration.k8s.io", ["v1"]), ("apps", ["v1"]), ("events.k8s.io", ["v1"]),
    ("authentication.k8s.io", ["v1"]), ("authorization.k8s.io", ["v1"]),
    ("autoscaling", ["v2", "v1"]), ("batch", ["v1"]), ("certificates.k8s.io", ["v1"]),
    ("networking.k8s.io", ["v1"]), ("policy", ["v1"]), ("rbac.authorization.k8s.io", ["v1"]),
    ("storage.k8s.io", ["v1"]), ("admissionregistration.k8s.io", ["v1"]),
    ("apiextensions.k8s.io", ["v1"]), ("scheduling.k8s.io", ["v1"]),
    ("coordination.k8s.io", ["v1"]), ("node.k8s.io", ["v1"]), ("discovery.k8s.io", ["v1"]),
    ("resource.k8s.io", ["v1"]), ("flowcontrol.apiserver.k8s.io", ["v1"]),
  ]
}
