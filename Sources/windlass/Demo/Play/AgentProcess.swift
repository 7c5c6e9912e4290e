import Glibc

/// The real daemon, as a child process of the demo.
final class AgentProcess {
  let log: String
  private let pid: pid_t
  private var status: CInt?

  /// Starts this very program with the arguments; what it writes goes to the log.
  init(arguments: [String], log: String) throws(CommandFailure) {
    self.log = log
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(
      &actions, STDOUT_FILENO, log, O_WRONLY | O_CREAT | O_APPEND, 0o600)
    posix_spawn_file_actions_adddup2(&actions, STDOUT_FILENO, STDERR_FILENO)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // A group of its own: Ctrl-C is for the demo, which then stops the daemon in order.
    let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
    posix_spawnattr_setflags(&attributes, Int16(flags))
    var ignored = sigset_t()
    sigemptyset(&ignored)
    posix_spawnattr_setsigmask(&attributes, &ignored)
    sigaddset(&ignored, SIGPIPE)
    posix_spawnattr_setsigdefault(&attributes, &ignored)
    var words: [UnsafeMutablePointer<CChar>?] = (["windlass"] + arguments).map { strdup($0) }
    defer { for word in words { free(word) } }
    words.append(nil)
    var pid = pid_t()
    let code = posix_spawn(&pid, "/proc/self/exe", &actions, &attributes, words, environ)
    guard code == 0 else {
      throw CommandFailure(
        .failed, "NotStarted",
        "The daemon can't be started: \(String(cString: strerror(code))). Free memory or processes "
          + "and run the command again.")
    }
    self.pid = pid
  }

  /// Whether it has not ended.
  var isRunning: Bool {
    if status == nil {
      var status: CInt = 0
      if waitpid(pid, &status, WNOHANG) == pid { self.status = status }
    }
    return status == nil
  }

  /// Asks it to end.
  func terminate() { if isRunning { Glibc.kill(pid, SIGTERM) } }

  /// Ends it by force.
  func kill() { if isRunning { Glibc.kill(pid, SIGKILL) } }

  /// The last lines of its log.
  func lastLines(_ count: Int) -> [String] {
    guard let bytes = try? TextFile.read(log, sizeMax: 64_000_000) else { return [] }
    return String(decoding: bytes.suffix(16_384), as: UTF8.self).split(separator: "\n")
      .suffix(count).map(String.init)
  }
}
