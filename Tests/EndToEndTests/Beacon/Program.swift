import CLinux
import Glibc
import Synchronization
import Testing

/// A built program that a test started, and the end of it.
final class Program: Sendable {
  /// How a program ended.
  enum Ending: Equatable, Sendable {
    case exit(Int32)
    case signal(Int32)
  }

  /// Where the built programs lie: beside the test runner itself.
  static let products: String = {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let length = readlink("/proc/self/exe", &buffer, buffer.count)
    let runner = String(decoding: buffer.prefix(max(length, 0)), as: UTF8.self)
    return String(runner.prefix(upTo: runner.lastIndex(of: "/") ?? runner.endIndex))
  }()

  let pid: pid_t
  private let pidfd: CInt
  private let output: CInt
  private let seen = Mutex("")
  private let ending = Mutex<Ending?>(nil)

  /// Starts a program of the package; it finds the listeners at 3, 4, … by systemd's protocol.
  ///
  /// What it writes to standard output and error is collected.
  init(
    _ name: String, _ arguments: [String], environment: [String: String] = [:],
    listeners: [(name: String, descriptor: CInt)] = []
  ) throws {
    let path = "\(Program.products)/\(name)"
    let executable = open(path, O_RDONLY | O_CLOEXEC)
    try #require(executable >= 0, "\(path) is not built")
    defer { close(executable) }
    var ends: [CInt] = [-1, -1]
    try #require(pipe(&ends) == 0)
    let null = open("/dev/null", O_RDONLY | O_CLOEXEC)
    defer {
      close(ends[1])
      close(null)
    }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    _ = fcntl(ends[0], F_SETFL, O_NONBLOCK)
    var variables = environment.map { "\($0.key)=\($0.value)" } + ["PATH=/usr/bin:/bin"]
    if !listeners.isEmpty {
      variables += [
        "LISTEN_FDS=\(listeners.count)", "LISTEN_PID=00000000000000000000",
        "LISTEN_FDNAMES=" + listeners.map(\.name).joined(separator: ":"),
      ]
    }
    var child = clinux_child()
    var failure = clinux_spawn_failure()
    try Program.withWords([name] + arguments) { words in
      try Program.withWords(variables) { variables in
        try listeners.map(\.descriptor).withUnsafeBufferPointer { descriptors in
          var order = clinux_spawn_order(
            executable: executable, arguments: words, environment: variables, directory: nil,
            descriptors: descriptors.baseAddress, descriptor_count: CInt(descriptors.count),
            standard_input: null, standard_output: ends[1], standard_error: ends[1], flags: 0)
          try #require(clinux_spawn_begin(&order, &child) == 0)
        }
        try #require(clinux_spawn_release(&child, &failure) == 0)
      }
    }
    try #require(failure.stage == 0, "\(path) can't be executed")
    pid = child.pid
    pidfd = child.pidfd
    output = ends[0]
  }

  deinit {
    // A test that failed leaves nothing running.
    if ending.withLock({ $0 == nil }) {
      clinux_pidfd_send_signal(pidfd, SIGKILL)
      var status: CInt = 0
      waitpid(pid, &status, 0)
    }
    close(pidfd)
    close(output)
  }

  func send(_ signal: CInt) { clinux_pidfd_send_signal(pidfd, signal) }

  /// Everything that it has written so far.
  func text() -> String {
    var chunk = [UInt8](repeating: 0, count: 65_536)
    return seen.withLock { seen in
      while true {
        let count = read(output, &chunk, chunk.count)
        guard count > 0 else { return seen }
        seen += String(decoding: chunk[..<count], as: UTF8.self)
      }
    }
  }

  /// How it ended; nil while it runs.
  func ended() -> Ending? {
    ending.withLock { ending in
      if ending == nil {
        var status: CInt = 0
        if waitpid(pid, &status, WNOHANG) == pid {
          ending = status & 0x7f == 0 ? .exit(status >> 8 & 0xff) : .signal(status & 0x7f)
        }
      }
      return ending
    }
  }

  /// Waits for its end; it must come within a minute.
  func end() async throws -> Ending {
    try await eventually("the end of \(pid)") { self.ended() != nil }
    return try #require(ended())
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

/// Waits until the condition holds, for a minute at most.
func eventually(
  _ what: String, sourceLocation: SourceLocation = #_sourceLocation,
  _ condition: () throws -> Bool
) async throws {
  let deadline = ContinuousClock.now + .seconds(60)
  while try !condition() {
    try #require(
      ContinuousClock.now < deadline, "waited in vain for \(what)", sourceLocation: sourceLocation)
    await Task.yield()
    usleep(2_000)
  }
}
