import Glibc
import WindlassCore
import WindlassSchema

/// One of PostgreSQL's programs as a child, whose output and complaints are read through pipes:
/// when this process dies, the child can write no more and ends too.
///
/// It blocks, so it is used on an actor with a `BlockingExecutor`.
final class ClientProcess {
  /// How a program ended.
  struct Ending {
    var isSuccess: Bool
    /// What it complained of, at most a few lines; no secrets, since it was given none by argument.
    var complaints: String
  }

  private let name: String
  private let pid: pid_t
  private var output: Int32
  private var errors: Int32
  private var isReaped = false

  /// Starts the program, whose path is the first word.
  ///
  /// - Parameter environment: `NAME=value` each, and nothing else.
  init(_ words: [String], environment: [String]) throws(StepFailure) {
    name = words[0]
    var (outputEnds, errorEnds): ([Int32], [Int32]) = ([-1, -1], [-1, -1])
    guard pipe(&outputEnds) == 0, pipe(&errorEnds) == 0 else {
      let number = errno
      for end in outputEnds + errorEnds where end >= 0 { close(end) }
      throw Self.notStarted(words[0], number)
    }
    for end in outputEnds + errorEnds { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0)
    posix_spawn_file_actions_adddup2(&actions, outputEnds[1], STDOUT_FILENO)
    posix_spawn_file_actions_adddup2(&actions, errorEnds[1], STDERR_FILENO)
    var attributes = posix_spawnattr_t()
    posix_spawnattr_init(&attributes)
    defer { posix_spawnattr_destroy(&attributes) }
    // Whatever this process blocks or ignores, the program finds as usual; a terminal's Ctrl-C is
    // for this process, which then ends the program in order.
    var signals = sigset_t()
    sigemptyset(&signals)
    posix_spawnattr_setsigmask(&attributes, &signals)
    sigaddset(&signals, SIGPIPE)
    posix_spawnattr_setsigdefault(&attributes, &signals)
    let flags = POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK
    posix_spawnattr_setflags(&attributes, Int16(flags))
    var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
    var variables: [UnsafeMutablePointer<CChar>?] = environment.map { strdup($0) } + [nil]
    defer { for text in arguments + variables { free(text) } }
    var pid = pid_t()
    let code = posix_spawn(&pid, words[0], &actions, &attributes, &arguments, &variables)
    close(outputEnds[1])
    close(errorEnds[1])
    guard code == 0 else {
      close(outputEnds[0])
      close(errorEnds[0])
      throw Self.notStarted(words[0], code)
    }
    self.pid = pid
    output = outputEnds[0]
    errors = errorEnds[0]
  }

  deinit {
    closePipes()
    guard !isReaped else { return }
    kill(pid, SIGKILL)
    var status: Int32 = 0
    waitpid(pid, &status, 0)
  }

  /// Reads everything that the program writes, and waits for its end.
  ///
  /// - Throws: what `sink` throws, after the program was ended; `BackupTimedOut`, or `Cancelled`
  ///   when nobody waits any more.
  func run(
    within limit: Interval,
    to sink: (UnsafeRawBufferPointer) throws(StepFailure) -> Void = { _ in }
  ) throws(StepFailure) -> Ending {
    let deadline = ContinuousClock.now + .milliseconds(limit.milliseconds)
    var complaints: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 1 << 18)
    while output >= 0 || errors >= 0 {
      guard !Task.isCancelled else { throw Self.cancelled(name) }
      guard ContinuousClock.now < deadline else { throw Self.late(name, limit) }
      var waits = [
        pollfd(fd: output, events: Int16(POLLIN), revents: 0),
        pollfd(fd: errors, events: Int16(POLLIN), revents: 0),
      ]
      _ = poll(&waits, 2, Int32(Bounds.cancellationPoll.milliseconds))
      if waits[0].revents != 0 {
        try Self.readOnce(&output, &chunk) { bytes throws(StepFailure) in try sink(bytes) }
      }
      if waits[1].revents != 0 {
        try Self.readOnce(&errors, &chunk) { bytes in
          complaints = (complaints + bytes).suffix(Bounds.evidenceQuoteMax)
        }
      }
    }
    return Ending(isSuccess: reap() == 0, complaints: Self.lines(complaints))
  }

  private func reap() -> Int32 {
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    isReaped = true
    return status
  }

  private func closePipes() {
    for end in [output, errors] where end >= 0 { close(end) }
    (output, errors) = (-1, -1)
  }

  /// Reads what is there; at the end closes the descriptor and makes it -1, which poll(2) skips.
  private static func readOnce(
    _ descriptor: inout Int32, _ chunk: inout [UInt8],
    _ body: (UnsafeRawBufferPointer) throws(StepFailure) -> Void
  ) throws(StepFailure) {
    let count = read(descriptor, &chunk, chunk.count)
    if count < 0, errno == EINTR { return }
    guard count > 0 else {
      close(descriptor)
      descriptor = -1
      return
    }
    try chunk.withUnsafeBufferPointer { (bytes) throws(StepFailure) in
      try body(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: bytes[..<count])))
    }
  }

  private static func lines(_ bytes: [UInt8]) -> String {
    String(decoding: bytes, as: UTF8.self).split(separator: "\n").suffix(6)
      .joined(separator: " / ")
  }

  // MARK: Failures

  private static func notStarted(_ program: String, _ number: Int32) -> StepFailure {
    StepFailure(
      code: "ProgramNotStarted", disposition: .retry,
      message: "\(program) can't be started: \(SystemError.text(number)). Free memory or"
        + " processes; the next attempt tries again.")
  }

  private static func late(_ program: String, _ limit: Interval) -> StepFailure {
    StepFailure(
      code: "BackupTimedOut", disposition: .stop,
      message: "\(program) took longer than \(limit) and was ended; nothing was changed. Look at"
        + " the server's load and at the disks.")
  }

  private static func cancelled(_ program: String) -> StepFailure {
    StepFailure(
      code: "Cancelled", disposition: .retry,
      message: "\(program) was ended because nobody waits for it any more; nothing was changed.")
  }
}
