import Glibc

/// A program as a child process of the demo, whose output goes to a file.
final class LoggedProcess {
  /// This very program, whatever has become of its file.
  static let thisProgram = "/proc/self/exe"

  let log: String
  let pid: pid_t
  private var status: CInt?

  /// Starts a program.
  ///
  /// - Parameter words: the program's path, and its arguments.
  /// - Parameter environment: `NAME=value` each; nil passes this program's own on.
  /// - Parameter input: the file that it reads.
  /// - Parameter log: what it writes goes to the end of this file.
  /// - Parameter errors: where its errors go instead; nil for the same file.
  init(
    _ words: [String], environment: [String]? = nil, input: String = "/dev/null", log: String,
    errors: String? = nil
  ) throws(CommandFailure) {
    self.log = log
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, input, O_RDONLY, 0)
    posix_spawn_file_actions_addopen(
      &actions, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    if let errors {
      posix_spawn_file_actions_addopen(
        &actions, STDERR_FILENO, errors, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    } else {
      posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
    }
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // A group of its own: Ctrl-C is for the demo, which then stops its children in order.
    let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
    posix_spawnattr_setflags(&attributes, Int16(flags))
    var ignored = sigset_t()
    sigemptyset(&ignored)
    posix_spawnattr_setsigmask(&attributes, &ignored)
    sigaddset(&ignored, SIGPIPE)
    posix_spawnattr_setsigdefault(&attributes, &ignored)
    // The first word that a program finds is its name.
    let name = words[0] == LoggedProcess.thisProgram ? "windlass" : words[0]
    var arguments = LoggedProcess.copies([name] + words.dropFirst())
    var variables = environment.map(LoggedProcess.copies) ?? []
    defer { for copy in arguments + variables { free(copy) } }
    let code: CInt
    var pid = pid_t()
    if variables.isEmpty {
      code = posix_spawn(&pid, words[0], &actions, &attributes, &arguments, environ)
    } else {
      code = posix_spawn(&pid, words[0], &actions, &attributes, &arguments, &variables)
    }
    guard code == 0 else {
      throw CommandFailure(
        .failed, "NotStarted",
        "\(name) can't be started: \(String(cString: strerror(code))). Free memory or processes "
          + "and run the command again.")
    }
    self.pid = pid
  }

  private static func copies(_ words: [String]) -> [UnsafeMutablePointer<CChar>?] {
    words.map { strdup($0) } + [nil]
  }

  /// Whether it has not ended.
  var isRunning: Bool {
    if status == nil {
      var status: CInt = 0
      if waitpid(pid, &status, WNOHANG) == pid { self.status = status }
    }
    return status == nil
  }

  /// Whether it ended by itself and found nothing wrong.
  var hasSucceeded: Bool { !isRunning && status == 0 }

  /// Asks it to end.
  func terminate(by signal: CInt = SIGTERM) { if isRunning { Glibc.kill(pid, signal) } }

  /// Ends it by force.
  func kill() { if isRunning { Glibc.kill(pid, SIGKILL) } }

  /// The last lines of its log.
  func lastLines(_ count: Int) -> [String] {
    guard let bytes = try? TextFile.read(log, sizeMax: 64_000_000) else { return [] }
    return String(decoding: bytes.suffix(16_384), as: UTF8.self).split(separator: "\n")
      .suffix(count).map(String.init)
  }
}
