package import WindlassCore
import WindlassWire

/// What runs the service; exactly one kind.
package struct FleetSpec: DocumentPart, Hashable {
  package var processes: ProcessesSpec?
  package var deployment: WorkloadSpec?
  package var statefulSet: WorkloadSpec?
  package var daemonSet: WorkloadSpec?
  package var signal: SignalSpec?

  package init() {}

  package static var fields: [DocumentField<FleetSpec>] {
    [
      DocumentField(
        "processes", \.processes, "Processes of one machine, which the daemon starts itself."),
      DocumentField("deployment", \.deployment, "A Deployment of the same namespace."),
      DocumentField("statefulSet", \.statefulSet, "A StatefulSet of the same namespace."),
      DocumentField("daemonSet", \.daemonSet, "A DaemonSet of the same namespace."),
      DocumentField("signal", \.signal, "Instances that someone else starts."),
    ]
  }

  package static var rules: [SchemaRule] {
    [.exactlyOne(of: "processes", "deployment", "statefulSet", "daemonSet", "signal")]
  }
}

/// Processes of one machine.
package struct ProcessesSpec: DocumentPart, Hashable {
  package var command: [String] = []
  package var env: [String: String] = [:]
  package var replicas: Int64 = 1
  package var listen: [ListenerSpec] = []
  package var readiness = ReadinessSpec()
  package var version = VersionSpec()
  package var drain = Interval.seconds(30)
  package var grace = Interval.seconds(10)

  package init() {}

  package static var fields: [DocumentField<ProcessesSpec>] {
    [
      DocumentField(
        "command", \.command,
        "Program and arguments; {artifact} is the folder of the unpacked release.",
        .count(1...256), .each([.length(0...131_072)])),
      DocumentField(
        "env", \.env, "Variables of each instance, beside its sockets and its database.",
        default: .object([]), .membersMax(128), .each([.length(0...32_768)])),
      DocumentField("replicas", \.replicas, "Instances.", default: 1, .range(1...64)),
      DocumentField(
        "listen", \.listen, "Listeners that all instances share.", .count(1...16),
        .keyed(["name"])),
      DocumentField(
        "readiness", \.readiness, "How an instance tells that it is ready.", default: .object([])),
      DocumentField(
        "version", \.version, "How an instance tells its version.", default: .object([])),
      DocumentField(
        "drain", \.drain, "Time after SIGTERM in which accepted requests end.", default: "30s"),
      DocumentField("grace", \.grace, "Time from there to SIGKILL.", default: "10s"),
    ]
  }
}

/// A listening socket.
package struct ListenerSpec: DocumentPart, Hashable {
  package var name = ""
  package var address = ""

  package init() {}

  package static var fields: [DocumentField<ListenerSpec>] {
    [
      DocumentField(
        "name", \.name, "The name by which an instance knows it.", .length(1...63),
        .pattern(Patterns.name)),
      DocumentField(
        "address", \.address, "An IP address and a port, such as 127.0.0.1:8080.", .length(3...64)),
    ]
  }
}

/// How an instance tells that it is ready.
package struct ReadinessSpec: DocumentPart, Hashable {
  package var path = "/healthz"

  package init() {}

  package static var fields: [DocumentField<ReadinessSpec>] {
    [
      DocumentField(
        "path", \.path, "Answers with a 2xx status when the instance is ready.",
        default: "/healthz", .length(1...2_048), .pattern(Patterns.requestPath))
    ]
  }
}

/// How an instance tells its version.
package struct VersionSpec: DocumentPart, Hashable {
  package var path = "/version"
  package var pointer = "/version"

  package init() {}

  package static var fields: [DocumentField<VersionSpec>] {
    [
      DocumentField(
        "path", \.path, "Answers with JSON that holds the version.", default: "/version",
        .length(1...2_048), .pattern(Patterns.requestPath)),
      DocumentField(
        "pointer", \.pointer, "Where in it the version stands (RFC 6901).", default: "/version",
        .length(0...1_024), .pattern(Patterns.pointer)),
    ]
  }
}

/// A workload of the cluster that is Windlass's to upgrade.
package struct WorkloadSpec: DocumentPart, Hashable {
  package var name = ""
  package var container = ""
  package var image: String?
  package var port: Int64?
  package var version = VersionSpec()
  package var adopt = false
  /// Absent: Windlass itself rolls the workload.
  package var gate: GateSpec?

  package init() {}

  package static var fields: [DocumentField<WorkloadSpec>] {
    [
      DocumentField(
        "name", \.name, "The workload's name.", .length(1...253), .pattern(Patterns.dottedName)),
      DocumentField(
        "container", \.container, "The container that runs the service.", .length(1...63),
        .pattern(Patterns.name)),
      DocumentField(
        "image", \.image,
        "The image, where {version} is the release's version; without it that of the manifest.",
        .length(1...1_024),
        .rule(SchemaRule("self.contains('{version}')", "must hold {version}"))),
      DocumentField(
        "port", \.port, "The port on which a pod tells its version.", .range(1...65_535)),
      DocumentField(
        "version", \.version, "How a pod tells its version.", default: .object([])),
      DocumentField(
        "adopt", \.adopt,
        "Whether image, paused, minReadySeconds and strategy are taken over from others, once.",
        default: false),
      DocumentField(
        "gate", \.gate,
        "Says that somebody else rolls the workload, and asks the operator's gate when to; nothing "
          + "is written to it then."),
    ]
  }
}

/// A roll that somebody else owns.
package struct GateSpec: DocumentPart, Hashable {
  package var pods = ""

  package init() {}

  package static var fields: [DocumentField<GateSpec>] {
    [
      DocumentField(
        "pods", \.pods,
        "The labels of all pods of the service, such as app=web or app in (web, web-primary).",
        .length(1...1_024), .pattern(Patterns.podSelector))
    ]
  }
}

/// Instances that someone else starts.
package struct SignalSpec: DocumentPart, Hashable {
  package var webhook = WebhookSpec()

  package init() {}

  package static var fields: [DocumentField<SignalSpec>] {
    [DocumentField("webhook", \.webhook, "Is told which version to run.")]
  }
}

/// A URL that is told things.
package struct WebhookSpec: DocumentPart, Hashable {
  package var url = ""

  package init() {}

  package static var fields: [DocumentField<WebhookSpec>] {
    [
      DocumentField(
        "url", \.url, "An http or https URL without a user.", .length(1...2_048),
        .pattern(Patterns.webURL))
    ]
  }
}

/// How instances are replaced.
package struct RolloutSpec: DocumentPart, Hashable {
  package var observe = Interval.seconds(10)
  package var canary: Int64 = 1
  /// Absent: 0, and 1 where pods are replaced in their place.
  package var maxUnavailable: Int64?
  /// Absent: 1, and 0 where pods are replaced in their place.
  package var maxSurge: Int64?
  package var stability = Interval.seconds(10)
  package var soak = Interval.minutes(10)
  package var progressDeadline = Interval.minutes(5)
  package var analysis: [String] = []

  package init() {}

  package static var fields: [DocumentField<RolloutSpec>] {
    [
      DocumentField(
        "observe", \.observe, "How long the old instances are watched on the expanded schema.",
        default: "10s"),
      DocumentField(
        "canary", \.canary, "Instances in the first wave.", default: 1, .range(1...1_000)),
      DocumentField(
        "maxUnavailable", \.maxUnavailable,
        "How far the fleet may shrink; 0, or 1 for a StatefulSet or DaemonSet.",
        .range(0...1_000)),
      DocumentField(
        "maxSurge", \.maxSurge,
        "How far the fleet may grow; 1, or 0 for a StatefulSet or DaemonSet.", .range(0...1_000)),
      DocumentField(
        "stability", \.stability,
        "Readiness without interruption before an instance counts as good.", default: "10s"),
      DocumentField(
        "soak", \.soak, "How long the way back stays open after the roll.", default: "10m"),
      DocumentField(
        "progressDeadline", \.progressDeadline, "Time for one instance to become good.",
        default: "5m"),
      DocumentField(
        "analysis", \.analysis, "Must be empty: no analysis is known to this version.",
        default: .array([]), .count(0...0)),
    ]
  }
}

/// When runs may start.
package struct PolicySpec: DocumentPart, Hashable {
  /// Whether a run waits for a person.
  package enum Approval: String, DocumentChoice { case never, always }
  /// What becomes of a release that can't be proven safe.
  package enum Unsafe: String, DocumentChoice { case block, recreate }

  package var approval = Approval.never
  package var windows: [String] = []
  package var onUnsafe = Unsafe.block
  package var paused = false

  package init() {}

  package static var fields: [DocumentField<PolicySpec>] {
    [
      DocumentField(
        "approval", \.approval, "Whether each run waits for a person.", default: "never"),
      DocumentField(
        "windows", \.windows, "Must be empty: no maintenance window is known to this version.",
        default: .array([]), .count(0...0)),
      DocumentField(
        "onUnsafe", \.onUnsafe,
        "What becomes of a release that can't be proven safe; recreate is a planned downtime.",
        default: "block"),
      DocumentField("paused", \.paused, "Whether no new run starts.", default: false),
    ]
  }
}
