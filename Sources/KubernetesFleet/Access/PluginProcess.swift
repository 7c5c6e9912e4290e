import CLinux
import Glibc
package import WindlassCore

/// Runs plug-ins as processes: without a terminal, with a scrubbed environment, within a time.
package struct PluginProcess: PluginRunner {
  private let environment: [String: String]
  private let deadline: Interval

  /// Plug-ins of a program with that environment.
  package init(
    environment: [String: String], deadline: Interval = ClientBounds.pluginDeadline
  ) {
    self.environment = environment
    self.deadline = deadline
  }

  /// Runs the program to its end and returns its standard output.
  package func run(
    _ plugin: Kubeconfig.Plugin, information: String
  ) async throws(AccessError) -> [UInt8] {
    guard let path = PluginProcess.locate(plugin.command, path: environment["PATH"] ?? "") else {
      let hint = plugin.installHint.map { " \(APIError.printable($0))" } ?? ""
      throw AccessError(
        .pluginFailed,
        "The plug-in \(plugin.command) is not in PATH, or may not be executed; install it.\(hint)")
    }
    var variables = PluginProcess.passed(environment)
    for variable in plugin.environment { variables[variable.name] = variable.value.reveal() }
    variables["KUBERNETES_EXEC_INFO"] = information
    let job = PluginJob(
      name: plugin.command, path: path, arguments: [plugin.command] + plugin.arguments,
      environment: variables.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" },
      deadline: deadline)
    return try await OwnThread.run { job.run() }.get()
  }

  /// What a plug-in may see of our surroundings: what it needs to find its own configuration, and
  /// nothing else, for a database's URL may stand there.
  static func passed(_ environment: [String: String]) -> [String: String] {
    let names: Set<String> = [
      "PATH", "HOME", "USER", "LOGNAME", "LANG", "LC_ALL", "TMPDIR", "TZ", "SSL_CERT_FILE",
      "SSL_CERT_DIR", "HTTPS_PROXY", "HTTP_PROXY", "NO_PROXY", "https_proxy", "http_proxy",
      "no_proxy", "KUBECONFIG",
    ]
    let prefixes = ["AWS_", "AZURE_", "AAD_", "GOOGLE_", "CLOUDSDK_", "OCI_", "XDG_"]
    return environment.filter { name, _ in
      names.contains(name) || prefixes.contains { name.hasPrefix($0) }
    }
  }

  /// The file that a command means: itself when it has a slash, else the first in `PATH`.
  static func locate(_ command: String, path: String) -> String? {
    if command.contains("/") { return isProgram(command) ? command : nil }
    // An empty part means the working directory, where nobody's programs should lie.
    return path.split(separator: ":").map { "\($0)/\(command)" }.first(where: isProgram)
  }

  private static func isProgram(_ path: String) -> Bool {
    var status = stat()
    return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
      && access(path, X_OK) == 0
  }
}

/// Work that blocks, on a thread of its own, so that the shared ones stay free.
enum OwnThread {
  /// Runs the work on a new thread and waits for it without holding one.
  static func run<Value: Sendable>(_ work: @escaping @Sendable () -> Value) async -> Value {
    await withCheckedContinuation { continuation in
      let body = Body { continuation.resume(returning: work()) }
      let context = Unmanaged.passRetained(body)
      var thread = pthread_t()
      let code = pthread_create(
        &thread, nil,
        { context in
          guard let context else { return nil }
          Unmanaged<Body>.fromOpaque(context).takeRetainedValue().work()
          return nil
        }, context.toOpaque())
      guard code == 0 else {
        // No thread to be had: better late here than never.
        context.release()
        continuation.resume(returning: work())
        return
      }
      pthread_detach(thread)
    }
  }

  private final class Body: Sendable {
    let work: @Sendable () -> Void
    init(_ work: @escaping @Sendable () -> Void) { self.work = work }
  }
}
