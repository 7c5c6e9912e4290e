import CLinux
import Glibc
import WindlassCore

/// One run of a plug-in, from start to end; blocks.
struct PluginJob: Sendable {
  let name: String
  let path: String
  let arguments: [String]
  let environment: [String]
  let deadline: Interval

  /// Runs the program and returns what it printed.
  func run() -> Result<[UInt8], AccessError> {
    let executable = open(path, O_RDONLY | O_CLOEXEC)
    guard executable >= 0 else { return .failure(failed("can't be opened: \(reason(errno))")) }
    defer { close(executable) }
    let input = open("/dev/null", O_RDONLY | O_CLOEXEC)
    defer { close(input) }
    guard let output = Pipe(), let errors = Pipe(), input >= 0 else {
      return .failure(failed("can't be started: \(reason(errno))"))
    }
    var child = clinux_child()
    let begun = begin(
      executable, input: input, output: output.writing, errors: errors.writing, &child)
    output.closeWriting()
    errors.closeWriting()
    guard begun == 0 else { return .failure(failed("can't be started: \(reason(-begun))")) }
    var failure = clinux_spawn_failure()
    let released = clinux_spawn_release(&child, &failure)
    defer { close(child.pidfd) }
    guard released == 0, failure.stage == 0 else {
      _ = end(child)
      return .failure(
        failed("can't be executed: \(reason(failure.stage == 0 ? -released : failure.error))"))
    }
    return watch(child, output, errors)
  }

  private func begin(
    _ executable: Int32, input: Int32, output: Int32, errors: Int32, _ child: inout clinux_child
  ) -> Int32 {
    withStrings(arguments) { arguments in
      withStrings(environment) { environment in
        var flags = CLINUX_NEW_SESSION.rawValue
        if isScript(executable) { flags |= CLINUX_KEEP_EXECUTABLE.rawValue }
        var order = clinux_spawn_order(
          executable: executable, arguments: arguments, environment: environment, directory: nil,
          descriptors: nil, descriptor_count: 0, standard_input: input, standard_output: output,
          standard_error: errors, flags: flags)
        return clinux_spawn_begin(&order, &child)
      }
    }
  }

  /// Collects both streams until the program has ended and both are closed, or time is over.
  private func watch(
    _ child: clinux_child, _ output: Pipe, _ errors: Pipe
  ) -> Result<[UInt8], AccessError> {
    let deadline = clinux_milliseconds(CLOCK_MONOTONIC) + deadline.milliseconds
    var printed: [UInt8] = []
    var complaints: [UInt8] = []
    var isTooMuch = false
    while output.isOpen || errors.isOpen, !isTooMuch {
      let left = deadline - clinux_milliseconds(CLOCK_MONOTONIC)
      guard left > 0 else { break }
      // A closed stream has the number -1, which poll passes over.
      var entries = [
        pollfd(fd: output.reading, events: Int16(POLLIN), revents: 0),
        pollfd(fd: errors.reading, events: Int16(POLLIN), revents: 0),
      ]
      guard poll(&entries, 2, Int32(clamping: left)) > 0 else { continue }
      if entries[0].revents != 0 { output.read(into: &printed) }
      if entries[1].revents != 0 { errors.read(into: &complaints) }
      complaints = Array(complaints.suffix(4_096))
      isTooMuch = printed.count > ClientBounds.pluginOutputMax
    }
    let isLate =
      isTooMuch || clinux_milliseconds(CLOCK_MONOTONIC) >= deadline
      || !waits(child, until: deadline)
    let ended = end(child)
    if isTooMuch {
      return .failure(failed("prints more than \(ClientBounds.pluginOutputMax) bytes"))
    }
    if isLate {
      return .failure(
        failed("did not end within \(self.deadline) and was killed\(last(of: complaints))"))
    }
    guard let ended, ended.exited == 1 else {
      return .failure(failed("was killed by a signal\(last(of: complaints))"))
    }
    guard ended.status == 0 else {
      return .failure(failed("ended with status \(ended.status)\(last(of: complaints))"))
    }
    return .success(printed)
  }

  /// Whether the program ends by that time.
  private func waits(_ child: clinux_child, until deadline: Int64) -> Bool {
    while true {
      let left = deadline - clinux_milliseconds(CLOCK_MONOTONIC)
      var entry = pollfd(fd: child.pidfd, events: Int16(POLLIN), revents: 0)
      let result = poll(&entry, 1, Int32(clamping: max(0, left)))
      if result > 0 { return true }
      if result == 0 { return false }
    }
  }

  /// Ends the program and what it started, and takes note of how it ended.
  private func end(_ child: clinux_child) -> clinux_exit? {
    var ended = clinux_exit()
    if clinux_peek_ended(child.pidfd, &ended) != 1 {
      // Nobody has reaped it, so the number is still its own, and that of its group.
      kill(-child.pid, SIGKILL)
      kill(child.pid, SIGKILL)
      var entry = pollfd(fd: child.pidfd, events: Int16(POLLIN), revents: 0)
      while poll(&entry, 1, -1) < 0, errno == EINTR {}
    }
    let isKnown = clinux_peek_ended(child.pidfd, &ended) == 1
    // What it left running in its session goes with it.
    kill(-child.pid, SIGKILL)
    clinux_reap(child.pid)
    return isKnown ? ended : nil
  }

  private func failed(_ what: String) -> AccessError {
    AccessError(.pluginFailed, "The plug-in \(name) \(what). Run it by hand to see why.")
  }

  /// The last line that the program complained with.
  private func last(of complaints: [UInt8]) -> String {
    let lines = String(decoding: complaints, as: UTF8.self).split(whereSeparator: \.isNewline)
    guard let line = lines.last(where: { !$0.allSatisfy(\.isWhitespace) }) else { return "" }
    return ": \(APIError.printable(String(line.prefix(300))))"
  }

  private func isScript(_ executable: Int32) -> Bool {
    var start = [UInt8](repeating: 0, count: 2)
    return pread(executable, &start, 2, 0) == 2 && start == Array("#!".utf8)
  }

  private func reason(_ number: Int32) -> String { String(cString: strerror(number)) }

  /// Texts as C has them, with a null behind the last.
  private func withStrings<Result>(
    _ texts: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> Result
  ) -> Result {
    var pointers: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    return pointers.withUnsafeMutableBufferPointer { body($0.baseAddress) }
  }
}

/// A pipe whose ends are closed with their owner.
private final class Pipe {
  private(set) var reading: Int32
  private(set) var writing: Int32

  init?() {
    var ends: [Int32] = [-1, -1]
    guard pipe(&ends) == 0 else { return nil }
    // A child of another thread closes what it was not given, so nobody inherits them before.
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    reading = ends[0]
    writing = ends[1]
  }

  deinit {
    closeReading()
    closeWriting()
  }

  /// Whether more may come.
  var isOpen: Bool { reading >= 0 }

  func closeWriting() {
    if writing >= 0 { close(writing) }
    writing = -1
  }

  private func closeReading() {
    if reading >= 0 { close(reading) }
    reading = -1
  }

  /// Takes what is there; closes at the end.
  func read(into bytes: inout [UInt8]) {
    var piece = [UInt8](repeating: 0, count: 65_536)
    let count = Glibc.read(reading, &piece, piece.count)
    if count > 0 { return bytes.append(contentsOf: piece[..<count]) }
    if count < 0 && errno == EINTR { return }
    closeReading()
  }
}
