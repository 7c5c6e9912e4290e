import WindlassWire

/// How the server quotes a pod template in the refusal of a change: in its own form of it, in which
/// every field of every struct is told, under the name that it has in the server's program.
enum InternalForm {
  /// The fields of the structs in their order. Behind a name, `$` stands for a text that is empty
  /// when absent, `!` for a truth, `#` for a number, `%` for a map, `*` for a struct that is never
  /// absent; after a colon comes the struct that it is, or that its items are. All else is null
  /// when absent.
  private static let structs: [String: [Field]] = [
    "PodSpec": fields(
      """
      Volumes:Volume InitContainers:Container Containers:Container EphemeralContainers:Container
      RestartPolicy$ TerminationGracePeriodSeconds ActiveDeadlineSeconds DNSPolicy$ NodeSelector%
      ServiceAccountName$ AutomountServiceAccountToken NodeName$ SecurityContext:PodSecurity
      ImagePullSecrets Hostname$ Subdomain$ SetHostnameAsFQDN Affinity SchedulerName$ Tolerations
      HostAliases PriorityClassName$ Priority PreemptionPolicy DNSConfig ReadinessGates
      RuntimeClassName Overhead% EnableServiceLinks TopologySpreadConstraints OS SchedulingGates
      ResourceClaims Resources HostnameOverride SchedulingGroup
      """),
    "Container": fields(
      """
      Name$ Image$ Command Args WorkingDir$ Ports:Port EnvFrom Env:Variable Resources*:Resources
      ResizePolicy RestartPolicy RestartPolicyRules VolumeMounts:Mount VolumeDevices
      LivenessProbe:Probe ReadinessProbe:Probe StartupProbe:Probe Lifecycle TerminationMessagePath$
      TerminationMessagePolicy$ ImagePullPolicy$ SecurityContext Stdin! StdinOnce! TTY!
      """),
    "PodSecurity": fields(
      """
      HostNetwork! HostPID! HostIPC! ShareProcessNamespace HostUsers SELinuxOptions WindowsOptions
      RunAsUser RunAsGroup RunAsNonRoot SupplementalGroups SupplementalGroupsPolicy FSGroup
      FSGroupChangePolicy Sysctls SeccompProfile AppArmorProfile SELinuxChangePolicy
      """),
    "Resources": fields("Limits% Requests% Claims"),
    "Port": fields("Name$ HostPort# ContainerPort# Protocol$ HostIP$"),
    "Variable": fields("Name$ Value$ ValueFrom"),
    "Mount": fields(
      """
      Name$ ReadOnly! RecursiveReadOnly MountPath$ SubPath$ MountPropagation SubPathExpr$
      """),
    "Probe": fields(
      """
      Exec HTTPGet TCPSocket GRPC InitialDelaySeconds# TimeoutSeconds# PeriodSeconds#
      SuccessThreshold# FailureThreshold# TerminationGracePeriodSeconds
      """),
  ]

  /// One field of a struct.
  private struct Field: Sendable {
    var name: String
    var mark: Character?
    var inner: String?
  }

  private static func fields(_ text: String) -> [Field] {
    text.split(whereSeparator: \.isWhitespace).map { word in
      let parts = word.split(separator: ":")
      var field = Field(name: String(parts[0]), inner: parts.count > 1 ? String(parts[1]) : nil)
      if let mark = field.name.last, "$!#%*".contains(mark) {
        field.mark = mark
        field.name.removeLast()
      }
      return field
    }
  }

  /// A pod template as the server quotes it.
  static func template(_ template: JSONValue) -> JSONValue {
    let spec = template["spec"] ?? .object([])
    var moved = spec
    // The server keeps these among the settings of security.
    var security = spec["securityContext"] ?? .object([])
    for name in ["hostNetwork", "hostPID", "hostIPC", "shareProcessNamespace", "hostUsers"] {
      security[member: name] = spec[name]
    }
    moved[member: "securityContext"] = security
    let labelled = ["labels", "annotations"].compactMap { name in
      template.at("metadata", name).map { JSONMember(name, sorted($0)) }
    }
    return .object(labelled + [JSONMember("Spec", form(moved, "PodSpec"))])
  }

  private static func form(_ value: JSONValue, _ kind: String) -> JSONValue {
    if case .array(let items) = value { return .array(items.map { form($0, kind) }) }
    guard let fields = structs[kind], value.object != nil else { return plain(value) }
    return .object(
      fields.map { field in JSONMember(field.name, member(value[spelled(field.name)], field)) })
  }

  private static func member(_ value: JSONValue?, _ field: Field) -> JSONValue {
    guard let value, value != .null else {
      switch field.mark {
      case "$": return ""
      case "!": return false
      case "#": return 0
      case "*": return form(.object([]), field.inner ?? "")
      default: return .null
      }
    }
    if field.mark == "%" { return sorted(value) }
    return field.inner.map { form(value, $0) } ?? plain(value)
  }

  /// A struct that is not described here: what is there, under names that begin with a capital.
  private static func plain(_ value: JSONValue) -> JSONValue {
    switch value {
    case .object(let members):
      .object(
        members.map {
          JSONMember($0.name.prefix(1).uppercased() + $0.name.dropFirst(), plain($0.value))
        })
    case .array(let items): .array(items.map(plain))
    case .null, .bool, .integer, .double, .string: value
    }
  }

  private static func sorted(_ value: JSONValue) -> JSONValue {
    .object((value.object ?? []).sorted { $0.name < $1.name })
  }

  /// The name of a field in documents: `DNSPolicy` is `dnsPolicy`, `TTY` is `tty`.
  private static func spelled(_ name: String) -> String {
    let capitals = name.prefix { $0.isUppercase }.count
    let lowered = capitals == name.count ? capitals : max(1, capitals - 1)
    return name.prefix(lowered).lowercased() + name.dropFirst(lowered)
  }
}
