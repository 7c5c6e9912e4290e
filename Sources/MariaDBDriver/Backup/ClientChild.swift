import Glibc
import WindlassCore
import WindlassSchema

/// A child process with its output in pipes.
final class ClientChild {
  private let pid: pid_t
  private let output: Int32
  private let errors: Int32
  private var feed: ClientFeed?
  private var words: [UInt8] = []
  private var isEnded = false

  /// What a program reads.
  enum Input {
    case nothing
    /// A file, by its path.
    case file(String)
    /// A dump, by its path, without the definers of its objects.
    case filtered(String)
  }

  private init(pid: pid_t, output: Int32, errors: Int32, feed: ClientFeed?) {
    (self.pid, self.output, self.errors, self.feed) = (pid, output, errors, feed)
  }

  deinit {
    if !isEnded { kill() }
    close(output)
    close(errors)
  }

  /// Starts a program.
  static func start(
    _ program: String, _ arguments: [String], input: Input
  ) throws(StepFailure) -> ClientChild {
    var feed: ClientFeed?
    if case .filtered(let path) = input { feed = try ClientFeed(path) }
    let (output, errors) = (try pipe(), try pipe())
    defer {
      close(output.write)
      close(errors.write)
    }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    switch input {
    case .nothing: posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    case .file(let path): posix_spawn_file_actions_addopen(&actions, 0, path, O_RDONLY, 0)
    case .filtered: posix_spawn_file_actions_adddup2(&actions, feed?.childEnd ?? -1, 0)
    }
    posix_spawn_file_actions_adddup2(&actions, output.write, 1)
    posix_spawn_file_actions_adddup2(&actions, errors.write, 2)
    // Lines leave the program as they are complete, so that its beginning is seen; every other
    // variable of ours stays here.
    let environment = ["PATH=/usr/bin:/bin", "LANG=C.UTF-8"]
    var pid: pid_t = 0
    let code = withTexts(["/usr/bin/stdbuf", "-oL", program] + arguments) { arguments in
      withTexts(environment) { environment in
        posix_spawn(&pid, "/usr/bin/stdbuf", &actions, nil, arguments, environment)
      }
    }
    guard code == 0 else {
      close(output.read)
      close(errors.read)
      throw StepFailure(
        code: "ClientProgramFailed", disposition: .retry,
        message: "\(program) could not be started: \(SystemError.text(code)).")
    }
    feed?.began()
    return ClientChild(pid: pid, output: output.read, errors: errors.read, feed: feed)
  }

  /// Hands over what comes until the program closes its output.
  func consume(
    within limit: Interval, look: () throws(StepFailure) -> Void,
    _ body: ClientRun.Consumer
  ) throws(StepFailure) {
    let deadline = ContinuousClock.now + .milliseconds(limit.milliseconds)
    var chunk = [UInt8](repeating: 0, count: 1 << 18)
    var entries = [
      pollfd(fd: output, events: Int16(POLLIN), revents: 0),
      pollfd(fd: errors, events: Int16(POLLIN), revents: 0),
      pollfd(fd: feed?.ownEnd ?? -1, events: Int16(POLLOUT), revents: 0),
    ]
    while entries[0].fd >= 0 || entries[1].fd >= 0 {
      guard ContinuousClock.now < deadline, !Task.isCancelled else {
        throw StepFailure(
          code: "BackupTimedOut", disposition: .stop,
          message: "A client program ran for more than \(limit) and was ended.")
      }
      try look()
      guard poll(&entries, 3, 20) > 0 else { continue }
      if entries[2].revents != 0, try feed?.write() != true {
        feed = nil
        entries[2].fd = -1
        entries[2].revents = 0
      }
      for index in 0..<2 where entries[index].revents != 0 {
        let count = read(entries[index].fd, &chunk, chunk.count)
        if count <= 0 {
          if count < 0, errno == EINTR { continue }
          entries[index].fd = -1
          entries[index].revents = 0
        } else if index == 0 {
          // A typed throw does not pass through the closure of withUnsafeBytes in all cases.
          let failure = chunk.withUnsafeBytes { bytes -> StepFailure? in
            do throws(StepFailure) {
              try body(UnsafeRawBufferPointer(rebasing: bytes[..<count]))
              return nil
            } catch {
              return error
            }
          }
          if let failure { throw failure }
        } else {
          words = Array((words + chunk[..<count]).suffix(Bounds.outputTailMax))
        }
      }
    }
  }

  /// Waits for the end: the status, and the last words that the program wrote to its errors.
  func end() -> (status: Int32, words: String) {
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    isEnded = true
    let text = String(decoding: words, as: UTF8.self).split(separator: "\n").suffix(3)
    return (status, text.joined(separator: " "))
  }

  /// Ends the program at once.
  func kill() {
    Glibc.kill(pid, SIGKILL)
    _ = end()
  }

  private static func pipe() throws(StepFailure) -> (read: Int32, write: Int32) {
    var ends: [Int32] = [0, 0]
    guard Glibc.pipe(&ends) == 0 else {
      throw StepFailure(
        code: "ClientProgramFailed", disposition: .retry,
        message: "No pipe could be made for a client program: \(SystemError.text(errno)).")
    }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    return (ends[0], ends[1])
  }

  private static func withTexts<Result>(
    _ texts: [String], _ body: (UnsafePointer<UnsafeMutablePointer<CChar>?>) -> Result
  ) -> Result {
    var pointers = texts.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    return body(&pointers)
  }
}
