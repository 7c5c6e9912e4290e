import CLinux
import Glibc
import WindlassCore
import WindlassWire

/// Finds the shim that runs, or starts one that outlives this process.
final class ShimLauncher {
  private let directory: ShimDirectory
  private let command: ShimInvocation
  /// The shim that this process started, to be reaped when it ends before us.
  private var child: (pid: Int32, pidfd: Descriptor)?

  /// Starts nothing yet.
  init(directory: ShimDirectory, command: ShimInvocation) {
    self.directory = directory
    self.command = command
  }

  /// What the daemon is told when the shim can't be talked to.
  func unavailable(_ error: SystemError) -> StepFailure {
    error.failure(
      code: "ShimUnavailable",
      next: "the process that holds the service's sockets does not answer; its messages are in "
        + directory.shimLog)
  }

  /// Connects, starting a shim where none runs.
  func connectOrStart() throws(StepFailure) -> Descriptor {
    let deadline = MonotonicClock.milliseconds() + Bounds.shimStartTimeout.milliseconds
    while true {
      let failure: StepFailure
      do throws(SystemError) {
        if let socket = try connect() { return socket }
        reapChild()
        let refusal = try awaitReady(launch())
        if let socket = try connect() { return socket }
        failure = refusal ?? unavailable(SystemError("connect", directory.socket, number: ECHILD))
      } catch {
        throw unavailable(error)
      }
      // Another shim holds the lock: one that another daemon is just starting, and that will
      // answer, or one that is just dying, and will be gone.
      guard failure.code == ShimProgram.lockHeldCode, MonotonicClock.milliseconds() < deadline
      else {
        throw failure
      }
      usleep(UInt32(Bounds.shimRetryDelay.milliseconds) * 1_000)
    }
  }

  /// Connects to a shim that runs; nil when none does.
  func connect() throws(SystemError) -> Descriptor? {
    let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    let socket = try Descriptor.checked(Glibc.socket(AF_UNIX, type, 0), "socket")
    var address: sockaddr_un
    let opened: Descriptor
    do throws(SystemError) {
      (address, opened) = try directory.socketAddress()
    } catch {
      guard error.number == ENOENT else { throw error }
      return nil
    }
    let size = socklen_t(MemoryLayout<sockaddr_un>.size)
    let result = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        Glibc.connect(socket.number, $0, size)
      }
    }
    let error = SystemError("connect", directory.socket)
    withExtendedLifetime(opened) {}
    if result == 0 { return socket }
    guard error.number == ENOENT || error.number == ECONNREFUSED else { throw error }
    return nil
  }

  /// Waits until a shim that was told to leave has ended, where it is our child.
  func awaitEnd() {
    guard let child else { return }
    _ = child.pidfd.waitUntilReadable(milliseconds: Int32(Bounds.shimReplyTimeout.milliseconds))
    reapChild()
  }

  private func reapChild() {
    guard let child, ExitReport.peek(child.pidfd) != nil else { return }
    clinux_reap(child.pid)
    self.child = nil
  }

  /// Starts a shim and returns the pipe that it tells its readiness on.
  private func launch() throws(SystemError) -> Descriptor {
    try directory.make()
    var ends: [Int32] = [-1, -1]
    let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw SystemError("socketpair") }
    let (reader, writer) = (Descriptor(owning: ends[0]), Descriptor(owning: ends[1]))
    let flags = O_RDONLY | O_CLOEXEC
    let waiting = try WaitingChild(
      SpawnOrder(
        executable: try Descriptor.checked(
          open(command.executable, flags), "open", command.executable),
        arguments: arguments, environment: InstanceEnvironment.entries(), descriptors: [writer],
        directory: "/",
        input: try Descriptor.checked(open("/dev/null", flags), "open", "/dev/null"),
        output: try LogFile.open(directory.shimLog), flags: .newSession))
    do throws(SpawnFailure) {
      child = (waiting.pid, try waiting.release())
    } catch {
      throw SystemError(error.call, command.executable, number: error.number)
    }
    return reader
  }

  private var arguments: [String] {
    var words = [command.executable] + command.arguments
    words += ["--state", directory.path, "--ready-descriptor", "3"]
    if let path = command.bootIDPath { words += ["--boot-id-path", path] }
    return words
  }

  /// Waits for what a starting shim says: nil when it is ready, else why it is not.
  private func awaitReady(_ pipe: Descriptor) throws(SystemError) -> StepFailure? {
    var bytes: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 4_096)
    let deadline = MonotonicClock.milliseconds() + Bounds.shimStartTimeout.milliseconds
    while bytes.last != 0x0A, bytes.count < 65_536 {
      let left = max(0, deadline - MonotonicClock.milliseconds())
      guard pipe.waitUntilReadable(milliseconds: Int32(left)) else {
        throw SystemError("start the shim", number: ETIMEDOUT)
      }
      let count = read(pipe.number, &buffer, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { break }
      bytes += buffer[..<count]
    }
    let line = bytes.prefix { $0 != 0x0A }
    if line.elementsEqual(ShimProgram.readyWord.utf8) { return nil }
    // What is no failure of a shim is the end of a program that is none, or that crashed.
    if let json = try? JSONValue.parse(line), let failure = try? StepFailure(shimJSON: json) {
      return failure
    }
    throw SystemError("start the shim (it ended at once)", number: ECHILD)
  }
}
