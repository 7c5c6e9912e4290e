import Glibc
import WindlassCore
import WindlassSchema

/// One run of a client program of the server's makers, such as `mariadb-dump`.
///
/// The password goes in a file that only this user may read, never in an argument or the
/// environment.
struct ClientProgram {
  let address: MySQLAddress
  /// A directory of ours for the file with the password.
  let directory: String
  /// How long it may run.
  let limit: Interval

  /// Where what the program writes goes.
  typealias Consumer = (UnsafeRawBufferPointer) throws(StepFailure) -> Void

  /// Runs the first of the programs that exists.
  ///
  /// - Parameters:
  ///   - arguments: behind the one that names the file with the password.
  ///   - input: the path of a file to read; nil for nothing.
  ///   - look: called again and again while the program runs; ends it by throwing.
  ///   - consume: gets what the program writes, in pieces.
  /// - Throws: `ClientProgramMissing`, or `ClientProgramFailed` with the last words of the program.
  func run(
    _ names: [String], _ arguments: [String], input: String? = nil,
    look: () throws(StepFailure) -> Void = {}, consume: Consumer
  ) throws(StepFailure) {
    let program = try path(of: names)
    let file =
      "\(directory)/.client-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
      + BackupDirectory.temporarySuffix
    try FileStream.replace(file, with: Array(defaults.utf8))
    defer { FileStream.remove(file) }
    let child = try Child.start(
      program, ["--defaults-file=\(file)"] + arguments, input: input)
    do throws(StepFailure) {
      try child.consume(within: limit, look: look, consume)
    } catch {
      child.kill()
      throw error
    }
    let (status, words) = child.end()
    guard status == 0 else {
      throw StepFailure(
        code: "ClientProgramFailed", disposition: .stop,
        message: "\(program) on \(address.name) ended with status \(status >> 8 & 0xFF):"
          + " \(words.isEmpty ? "it said nothing" : words). Check the rights of the user and the"
          + " disk.")
    }
  }

  private func path(of names: [String]) throws(StepFailure) -> String {
    for name in names {
      for directory in ["/usr/bin", "/usr/local/bin", "/bin"]
      where access("\(directory)/\(name)", X_OK) == 0 {
        return "\(directory)/\(name)"
      }
    }
    throw StepFailure(
      code: "ClientProgramMissing", disposition: .stop,
      message: "None of the programs \(names.joined(separator: ", ")) is installed, and backups"
        + " need one. Install the Debian package mariadb-client.")
  }

  private var defaults: String {
    var lines = ["[client]", "user=\(quoted(address.user))"]
    lines.append("password=\(quoted(address.password.reveal()))")
    switch address.place {
    case .socket(let path): lines.append("socket=\(quoted(path))")
    case .host(let host, let port):
      lines += ["host=\(quoted(host == "localhost" ? "127.0.0.1" : host))", "port=\(port)"]
      lines.append("protocol=tcp")
    }
    if address.protection != .none { lines.append("ssl") }
    if address.protection == .verified { lines.append("ssl-verify-server-cert") }
    let files = [
      ("ssl-ca", address.authorities), ("ssl-cert", address.certificate), ("ssl-key", address.key),
    ]
    for (name, path) in files {
      if let path { lines.append("\(name)=\(quoted(path))") }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  /// A value of an option file, in quotes, with what would end them escaped.
  private func quoted(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\\\"
      case "\"": result += "\\\""
      case "'": result += "\\'"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return "\"\(result)\""
  }
}

/// A child process with its output in pipes.
private final class Child {
  private let pid: pid_t
  private let output: Int32
  private let errors: Int32
  private var words: [UInt8] = []
  private var isEnded = false

  private init(pid: pid_t, output: Int32, errors: Int32) {
    (self.pid, self.output, self.errors) = (pid, output, errors)
  }

  deinit {
    if !isEnded { kill() }
    close(output)
    close(errors)
  }

  static func start(
    _ program: String, _ arguments: [String], input: String?
  ) throws(StepFailure) -> Child {
    let (output, errors) = (try pipe(), try pipe())
    defer {
      close(output.write)
      close(errors.write)
    }
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, input ?? "/dev/null", O_RDONLY, 0)
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
    return Child(pid: pid, output: output.read, errors: errors.read)
  }

  /// Hands over what comes until the program closes its output.
  func consume(
    within limit: Interval, look: () throws(StepFailure) -> Void,
    _ body: ClientProgram.Consumer
  ) throws(StepFailure) {
    let deadline = ContinuousClock.now + .milliseconds(limit.milliseconds)
    var chunk = [UInt8](repeating: 0, count: 1 << 18)
    var entries = [
      pollfd(fd: output, events: Int16(POLLIN), revents: 0),
      pollfd(fd: errors, events: Int16(POLLIN), revents: 0),
    ]
    while entries[0].fd >= 0 || entries[1].fd >= 0 {
      guard ContinuousClock.now < deadline, !Task.isCancelled else {
        throw StepFailure(
          code: "BackupTimedOut", disposition: .stop,
          message: "A client program ran for more than \(limit) and was ended.")
      }
      try look()
      guard poll(&entries, 2, 20) > 0 else { continue }
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
