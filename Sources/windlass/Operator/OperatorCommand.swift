import ArgumentParser
import Glibc
import KubernetesFleet
import Logging
import WindlassCore
import WindlassStatus

/// `windlass operator`: the daemon in a cluster.
struct OperatorCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "operator",
    abstract: "Run the daemon in a cluster, for the ManagedServices of its namespaces.",
    discussion: """
      Each step of a run is a Job of --image in the service's namespace; the operator itself has \
      no database and reads no Secret. Of several operators with the same Lease one leads; on \
      SIGTERM it gives the Lease up and leaves the Job under way to the next. It keeps nothing on \
      a disk.

      Example: windlass operator --namespace shop \
      --image registry.example/windlass@sha256:0123…

      Example: windlass operator --all-namespaces --lease-namespace windlass \
      --image registry.example/windlass@sha256:0123… --log-level notice

      Exit codes: 0 told to stop, 1 the cluster can't be reached or lacks the definitions, or the \
      address of --listen is taken, 2 usage.
      """)

  @Option(
    name: .long,
    help: ArgumentHelp(
      "How to reach the cluster; else KUBECONFIG, the pod's ServiceAccount, ~/.kube/config.",
      valueName: "file"))
  var kubeconfig: String?

  @Option(name: .long, help: "The context of the kubeconfig, instead of its current one.")
  var context: String?

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Upgrade the services of this namespace; may be repeated (default: the access's own).",
      valueName: "name"))
  var namespace: [String] = []

  @Flag(name: .long, help: "Upgrade the services of all namespaces.")
  var allNamespaces = false

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Windlass's own image with its digest, of the operator's version: steps are made of it.",
      valueName: "reference"))
  var image: String

  @Option(
    name: .long,
    help: ArgumentHelp(
      "The ServiceAccount of steps, in each namespace; it needs no right.", valueName: "name"))
  var serviceAccount = "windlass-step"

  @Option(
    name: .long,
    help: ArgumentHelp(
      "A Secret with the registry's credentials, in each namespace; may be repeated.",
      valueName: "name"))
  var imagePullSecret: [String] = []

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Look after the ManagedServices whose label windlass.dev/shard is that, and no others; it is "
        + "added to the Lease's name (default: those without the label).", valueName: "name"))
  var shard: String?

  @Option(
    name: .long,
    help: ArgumentHelp("The Lease that makes one of several lead.", valueName: "name"))
  var leaseName = "windlass-operator"

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Where the Lease is (default: the access's own namespace).", valueName: "namespace"))
  var leaseNamespace: String?

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Names this process in the Lease; a random word is added, for a name that a process before "
        + "had would be taken for it (default: the host's name).", valueName: "name"))
  var identity: String?

  @Option(
    name: .long,
    help: ArgumentHelp(
      "How many services may be at work at a time; the others wait their turn.",
      valueName: "number"))
  var concurrency = 50

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Requests per second to the API server in the long run, without watches and the Lease.",
      valueName: "number"))
  var requestsPerSecond = ClientBounds.requestRate

  @Option(
    name: .long,
    help: ArgumentHelp(
      "Answer /livez, /readyz, /metrics and /gate there, such as 127.0.0.1:8080, or :8080 for all "
        + "addresses (default: nowhere).", valueName: "address:port"))
  var listen: String?

  @Option(
    name: .long,
    help: "The least that is logged: trace, debug, info, notice, warning, error, critical.")
  var logLevel = "info"

  @OptionGroup var outputOptions: OutputOptions

  func validate() throws {
    guard Digest(ofImage: image) != nil else {
      throw ValidationError(
        "--image \"\(image)\" has no digest; write NAME@sha256: and 64 hexadecimal digits, so that"
          + " steps are what the operator was tested with.")
    }
    guard !allNamespaces || namespace.isEmpty else {
      throw ValidationError("--namespace and --all-namespaces exclude each other.")
    }
    guard (1...10_000).contains(concurrency) else {
      throw ValidationError("--concurrency takes 1 to 10000.")
    }
    guard (1...10_000).contains(requestsPerSecond) else {
      throw ValidationError("--requests-per-second takes 1 to 10000.")
    }
    if let listen {
      guard let address = ListenAddress(listen), address.port > 0 else {
        throw ValidationError(
          "--listen \"\(listen)\" is no address; write such as 127.0.0.1:8080, [::1]:8080, or "
            + ":8080 for all addresses.")
      }
    }
    guard Logger.Level(rawValue: logLevel) != nil else {
      let known = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
      throw ValidationError("--log-level \"\(logLevel)\" is none; write one of \(known).")
    }
    let shards = shard.map { [$0] } ?? []
    for name in namespace + [serviceAccount, leaseName] + imagePullSecret + shards
    where !TextRules.isName(name) {
      throw ValidationError(
        "\"\(name)\" is no name of an object: lower-case letters, digits and hyphens.")
    }
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let environment = ProcessEnvironment.all
    let access: ClusterAccess
    do throws(AccessError) {
      access = try ClusterAccess.find(
        kubeconfig: kubeconfig, context: context, environment: environment)
    } catch {
      throw CommandFailure(.usage, "BadConfiguration", error.message)
    }
    var logger = Logger(label: "windlass", factory: { _ in StandardErrorLog() })
    logger.logLevel = Logger.Level(rawValue: logLevel) ?? .info
    let settings = OperatorSettings(
      namespaces: allNamespaces ? nil : (namespace.isEmpty ? [access.namespace] : namespace),
      shard: shard.map { ServiceShard($0) } ?? ServiceShard(), image: image,
      serviceAccount: serviceAccount, imagePullSecrets: imagePullSecret,
      leaseNamespace: leaseNamespace ?? access.namespace, leaseName: leaseName,
      concurrency: concurrency, requestsPerSecond: requestsPerSecond,
      listen: listen.flatMap(ListenAddress.init),
      identity: OperatorCommand.identity(identity ?? OperatorCommand.hostName))
    let running = ClusterOperator(
      settings: settings, access: access, plugins: PluginProcess(environment: environment),
      clock: SystemClock(floor: nil), logger: logger,
      journal: { namespace, client in ClusterJournal(client, in: namespace) })
    return try await running.run()
  }

  /// A name that no process had before.
  private static func identity(_ name: String) -> String {
    let word = String(UInt64.random(in: .min ... .max), radix: 36)
    return "\(name.prefix(200))_\(word)"
  }

  private static var hostName: String {
    var buffer = [CChar](repeating: 0, count: 256)
    guard gethostname(&buffer, buffer.count - 1) == 0 else { return "windlass" }
    return String(decoding: buffer.prefix { $0 != 0 }.map(UInt8.init(bitPattern:)), as: UTF8.self)
  }
}
