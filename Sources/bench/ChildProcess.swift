import Glibc

/// A program that is run and measured.
struct ChildProcess {
  /// What one run took.
  struct Cost: Hashable {
    var wall: Duration
    /// The largest resident memory of the process, as `/usr/bin/time -v` says it.
    var peakKilobytes: Int
  }

  let pid: pid_t
  private let words: [String]
  private let log: String
  private let began: ContinuousClock.Instant

  /// Starts the program; what it writes goes into the file, which is emptied before.
  init(_ words: [String], log: String) throws(BenchFailure) {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    // Threads of the pool, of which this may be one, are spared all signals; a program is not.
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    var none = sigset_t()
    sigemptyset(&none)
    posix_spawnattr_setsigmask(&attributes, &none)
    posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
    let arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    defer { for argument in arguments { free(argument) } }
    var pid: pid_t = 0
    began = .now
    let code = posix_spawnp(&pid, words[0], &actions, &attributes, arguments, environ)
    guard code == 0 else {
      throw BenchFailure(
        description: "\(words[0]) can't be started: \(String(cString: strerror(code))).")
    }
    self.pid = pid
    self.words = words
    self.log = log
  }

  /// Tells the program to end, and waits until it has; one that does not within half a minute is
  /// killed.
  func end() {
    kill(pid, SIGTERM)
    for _ in 0..<300 where runs { usleep(100_000) }
    guard runs else { return }
    kill(pid, SIGKILL)
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
  }

  /// Whether the program has not ended.
  var runs: Bool {
    var status: Int32 = 0
    return waitpid(pid, &status, WNOHANG) == 0
  }

  /// What the program wrote so far.
  var output: String { (try? String(decoding: Self.bytes(of: log), as: UTF8.self)) ?? "" }

  /// Waits until the program has ended.
  ///
  /// - Throws: unless it ended with 0; the failure has what it wrote.
  func wait() throws(BenchFailure) -> Cost {
    var status: Int32 = 0
    var usage = rusage()
    while wait4(pid, &status, 0, &usage) < 0 {
      guard errno == EINTR else {
        throw BenchFailure(description: "\(words[0]) can't be waited for: error \(errno).")
      }
    }
    let wall = began.duration(to: .now)
    guard status == 0 else {
      throw BenchFailure(
        description: "\(words.joined(separator: " ")) ended with status \(status):\n"
          + Self.text(of: log))
    }
    return Cost(wall: wall, peakKilobytes: Int(usage.ru_maxrss))
  }

  /// Runs a line of the shell that nobody measures.
  static func run(shell line: String, log: String) throws(BenchFailure) {
    guard !line.isEmpty else { return }
    _ = try ChildProcess(["/bin/sh", "-c", line], log: log).wait()
  }

  /// All of a file.
  static func bytes(of path: String) throws(BenchFailure) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { throw BenchFailure(description: "\(path) can't be read.") }
    defer { close(descriptor) }
    var all: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 1 << 16)
    while true {
      let count = read(descriptor, &piece, piece.count)
      guard count > 0 else { return all }
      all += piece.prefix(count)
    }
  }

  /// The beginning of a file.
  private static func text(of path: String) -> String {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    guard descriptor >= 0 else { return "" }
    defer { close(descriptor) }
    var bytes = [UInt8](repeating: 0, count: 4_096)
    let count = read(descriptor, &bytes, bytes.count)
    return String(decoding: bytes.prefix(max(0, count)), as: UTF8.self)
  }
}
