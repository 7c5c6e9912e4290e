import CLinux
import Dispatch
import Glibc
import Synchronization
import Testing

/// How a program ended, and what it wrote.
struct Ended: Sendable {
  /// Its exit status, or 128 and the signal.
  var status: Int32
  /// Everything that it wrote to standard output.
  var output: String
  /// Everything that it wrote to standard error.
  var errors: String

  /// Everything that it wrote.
  var text: String { output + errors }

  /// Whether SIGKILL ended it.
  var wasKilled: Bool { status == 128 + SIGKILL }
}

/// A program that a test started, and the end of it; what still runs when nobody holds it any more
/// is killed.
final class Program: Sendable {
  /// Where the build put tests and programs.
  static let directory: String = {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let length = readlink("/proc/self/exe", &buffer, buffer.count)
    let path = String(decoding: buffer.prefix(max(length, 0)), as: UTF8.self)
    return String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)])
  }()

  /// The path of a program of this package.
  static func path(_ name: String) -> String { "\(directory)/\(name)" }

  /// Where a program of the system is; nil when it is not installed.
  static func installed(_ name: String) -> String? {
    ["/usr/bin", "/bin", "/usr/local/bin"].map { "\($0)/\(name)" }.first { access($0, X_OK) == 0 }
  }

  /// Runs a program to its end, which blocks the calling thread.
  static func run(
    _ name: String, _ arguments: [String], environment: [String: String] = [:]
  ) throws -> Ended {
    try Program(name, arguments, environment: environment).wait()
  }

  private static let waiting = DispatchQueue(label: "test.programs", attributes: .concurrent)

  /// Its pid, which is not given to another process before this value is gone.
  let pid: pid_t
  private let pidfd: CInt
  private let outputFile: CInt
  private let errorFile: CInt
  private let status = Mutex<Int32?>(nil)

  /// Starts a program of the package, or the one at an absolute path.
  ///
  /// - Parameters:
  ///   - environment: All that it gets beside `PATH`, the directory for temporary files and the one
  ///     of the database's client programs.
  ///   - listeners: What it finds at 3, 4, … by systemd's protocol.
  init(
    _ name: String, _ arguments: [String], environment: [String: String] = [:],
    listeners: [(name: String, descriptor: CInt)] = []
  ) throws {
    let path = name.hasPrefix("/") ? name : Program.path(name)
    let executable = open(path, O_RDONLY | O_CLOEXEC)
    try #require(executable >= 0, "\(path) is not there")
    let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
    defer {
      close(executable)
      close(null)
    }
    let (outputFile, errorFile) = (try Program.temporaryFile(), try Program.temporaryFile())
    var child = clinux_child()
    var failure = clinux_spawn_failure()
    let variables = Program.variables(environment, listeners.map(\.name))
    try Program.withWords([path] + arguments) { words in
      try Program.withWords(variables) { variables in
        try listeners.map(\.descriptor).withUnsafeBufferPointer { descriptors in
          var order = clinux_spawn_order(
            executable: executable, arguments: words, environment: variables, directory: nil,
            descriptors: descriptors.baseAddress, descriptor_count: CInt(descriptors.count),
            standard_input: null, standard_output: outputFile, standard_error: errorFile, flags: 0)
          try #require(clinux_spawn_begin(&order, &child) == 0)
        }
        // The child writes its pid into its copy of these words.
        try #require(clinux_spawn_release(&child, &failure) == 0)
      }
    }
    try #require(failure.stage == 0, "\(path) can't be executed")
    (pid, pidfd) = (child.pid, child.pidfd)
    (self.outputFile, self.errorFile) = (outputFile, errorFile)
  }

  deinit {
    if reap() == nil {
      clinux_pidfd_send_signal(pidfd, SIGKILL)
      waitpid(pid, nil, 0)
    }
    for descriptor in [pidfd, outputFile, errorFile] { close(descriptor) }
  }

  /// Whether it has not ended.
  var isRunning: Bool { reap() == nil }

  /// What it has written to standard output so far.
  var output: String { Program.text(of: outputFile) }

  /// What it has written to standard error so far.
  var errors: String { Program.text(of: errorFile) }

  /// What it has written so far.
  var text: String { output + errors }

  /// Sends a signal; to one that has ended, none.
  func send(_ signal: CInt) { clinux_pidfd_send_signal(pidfd, signal) }

  /// Waits for its end, which must come within ten minutes.
  func end() async -> Ended {
    await withCheckedContinuation { continuation in
      Program.waiting.async { continuation.resume(returning: self.wait()) }
    }
  }

  /// Sends a signal and waits for the end.
  func end(by signal: CInt) async -> Ended {
    send(signal)
    return await end()
  }

  private func wait() -> Ended {
    let deadline = ContinuousClock.now + .seconds(600)
    while true {
      var entry = pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0)
      poll(&entry, 1, 10_000)
      if let status = reap() { return Ended(status: status, output: output, errors: errors) }
      if ContinuousClock.now > deadline { send(SIGKILL) }
    }
  }

  /// Its status once it has ended; it is reaped then.
  private func reap() -> Int32? {
    status.withLock { status in
      var raw: CInt = 0
      if status == nil, waitpid(pid, &raw, WNOHANG) == pid {
        status = raw & 0x7F == 0 ? raw >> 8 & 0xFF : 128 + (raw & 0x7F)
      }
      return status
    }
  }
}

extension Program {
  private static func variables(
    _ environment: [String: String], _ listeners: [String]
  ) -> [String] {
    var all = ["PATH": "/usr/bin:/bin"]
    // Where temporary files go, and the client programs that fit the server that is tested.
    for name in ["TMPDIR", "WINDLASS_CLIENT_PROGRAMS"] {
      if let value = getenv(name) { all[name] = String(cString: value) }
    }
    if !listeners.isEmpty {
      all["LISTEN_FDS"] = "\(listeners.count)"
      all["LISTEN_PID"] = "00000000000000000000"
      all["LISTEN_FDNAMES"] = listeners.joined(separator: ":")
    }
    return all.merging(environment) { _, new in new }.map { "\($0.key)=\($0.value)" }.sorted()
  }

  /// A file without a name, so that a program may write as much as it likes before anybody reads.
  private static func temporaryFile() throws -> CInt {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(parent)/windlass-output-XXXXXX".utf8CString)
    let descriptor = mkstemp(&template)
    try #require(descriptor >= 0 && fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0)
    unlink(template)
    return descriptor
  }

  private static func text(of file: CInt) -> String {
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = pread(file, &chunk, chunk.count, off_t(bytes.count))
      guard count > 0 else { return String(decoding: bytes, as: UTF8.self) }
      bytes += chunk[..<count]
    }
  }

  private static func withWords(
    _ words: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) throws -> Void
  ) throws {
    var pointers: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) }
    defer { for pointer in pointers { free(pointer) } }
    pointers.append(nil)
    try pointers.withUnsafeBufferPointer { try body(#require($0.baseAddress)) }
  }
}
