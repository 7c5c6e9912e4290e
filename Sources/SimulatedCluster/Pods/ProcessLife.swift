import CLinux
import Dispatch
import Glibc
import KubernetesFleet
import Synchronization

/// A child from its start to its end, on a thread of its own: the kernel kills the child when the
/// thread that made it ends, so the thread stays as long as the child.
final class ProcessLife: Sendable {
  private struct State {
    var child: clinux_child?
    var failure: StartFailure?
    var exitCode: Int?
  }

  private let order: ProcessOrder
  private let program: String
  private let state = Mutex(State())
  private let begun = DispatchSemaphore(value: 0)
  /// Tells of the end.
  let news = Signal()

  /// Starts a program, and returns when it executes.
  init(_ order: ProcessOrder, _ program: String) throws(StartFailure) {
    self.order = order
    self.program = program
    var thread = pthread_t()
    let context = Unmanaged.passRetained(self)
    let result = pthread_create(
      &thread, nil,
      { context in
        guard let context else { return nil }
        Unmanaged<ProcessLife>.fromOpaque(context).takeRetainedValue().live()
        return nil
      }, context.toOpaque())
    guard result == 0 else {
      context.release()
      throw StartFailure(
        description: "no thread to watch \(program): \(String(cString: strerror(result)))")
    }
    pthread_detach(thread)
    begun.wait()
    if let failure = state.withLock({ $0.failure }) { throw failure }
  }

  var pid: Int32 { state.withLock { $0.child?.pid ?? -1 } }

  /// How it ended; nil while it runs.
  var exitCode: Int? { state.withLock { $0.exitCode } }

  /// Sends a signal to the child, unless it has ended.
  func signal(_ number: Int32) {
    state.withLock { state in
      guard let child = state.child, state.exitCode == nil else { return }
      _ = clinux_pidfd_send_signal(child.pidfd, number)
    }
  }

  // MARK: - On the thread

  private func live() {
    let child: clinux_child
    do throws(StartFailure) {
      child = try Self.spawn(order, program)
    } catch {
      state.withLock { $0.failure = error }
      begun.signal()
      return
    }
    state.withLock { $0.child = child }
    begun.signal()
    var entry = pollfd(fd: child.pidfd, events: Int16(POLLIN), revents: 0)
    while poll(&entry, 1, -1) < 0, errno == EINTR {}
    var ended = clinux_exit()
    guard clinux_peek_ended(child.pidfd, &ended) == 1 else { return }
    // What a container started ends with its first process.
    Self.killMarked(order.mark, but: child.pid)
    state.withLock { state in
      // A shell tells a signal so, and container runtimes do.
      state.exitCode = ended.exited == 1 ? Int(ended.status) : 128 + Int(ended.status)
      clinux_reap(child.pid)
      close(child.pidfd)
    }
    news.send()
  }

  private static func spawn(
    _ order: ProcessOrder, _ program: String
  ) throws(StartFailure) -> clinux_child {
    let environment =
      order.environment.map { "\($0.name)=\($0.value)" }
      + ["\(ContainerProcess.markName)=\(order.mark)"]
    let executable = open(program, O_RDONLY | O_CLOEXEC)
    defer { close(executable) }
    let input = open("/dev/null", O_RDONLY | O_CLOEXEC)
    defer { close(input) }
    let output = open(order.log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o600)
    defer { close(output) }
    guard executable >= 0, input >= 0, output >= 0 else {
      throw StartFailure(description: "\(program): \(String(cString: strerror(errno)))")
    }
    var start = [UInt8](repeating: 0, count: 2)
    let isScript = pread(executable, &start, 2, 0) == 2 && start == Array("#!".utf8)
    var flags = CLINUX_NEW_SESSION.rawValue | CLINUX_DIE_WITH_PARENT.rawValue
    if order.hasOwnNetwork { flags |= CLINUX_OWN_NETWORK.rawValue }
    if isScript { flags |= CLINUX_KEEP_EXECUTABLE.rawValue }
    var child = clinux_child()
    let begun = withStrings(order.command) { words in
      withStrings(environment) { environment in
        withStrings([order.directory]) { directory in
          var request = clinux_spawn_order(
            executable: executable, arguments: words, environment: environment,
            directory: directory?.pointee, descriptors: nil, descriptor_count: 0,
            standard_input: input, standard_output: output, standard_error: output, flags: flags)
          return clinux_spawn_begin(&request, &child)
        }
      }
    }
    guard begun == 0 else {
      throw StartFailure(description: "\(program): \(String(cString: strerror(-begun)))")
    }
    var failure = clinux_spawn_failure()
    let released = clinux_spawn_release(&child, &failure)
    guard released == 0, failure.stage == 0 else {
      // It has ended without executing anything.
      var entry = pollfd(fd: child.pidfd, events: Int16(POLLIN), revents: 0)
      while poll(&entry, 1, -1) < 0, errno == EINTR {}
      clinux_reap(child.pid)
      close(child.pidfd)
      let number = failure.stage == 0 ? -released : failure.error
      throw StartFailure(description: "exec: \"\(program)\": \(String(cString: strerror(number)))")
    }
    return child
  }

  private static func withStrings<Result>(
    _ texts: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?) -> Result
  ) -> Result {
    var pointers: [UnsafeMutablePointer<CChar>?] = texts.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    return pointers.withUnsafeMutableBufferPointer { body($0.baseAddress) }
  }

  /// Ends every process that carries the mark, whatever session it has made for itself; looks again
  /// for as long as there were some, for they may have started others meanwhile.
  static func killMarked(_ mark: String, but pid: Int32) {
    for _ in 0..<5 where !killOnce(mark, but: pid) { return }
  }

  /// Ends those that are there; false when there were none.
  private static func killOnce(_ mark: String, but pid: Int32) -> Bool {
    let entry = Array("\(ContainerProcess.markName)=\(mark)".utf8)
    guard let directory = opendir("/proc") else { return false }
    defer { closedir(directory) }
    var isAny = false
    while let found = readdir(directory) {
      let name = withUnsafePointer(to: &found.pointee.d_name) { pointer in
        pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard let other = Int32(name), other != pid, other != getpid(),
        let environment = SmallFiles.read("/proc/\(other)/environ"),
        environment.split(separator: 0).contains(where: { $0.elementsEqual(entry) })
      else { continue }
      Glibc.kill(other, SIGKILL)
      isAny = true
    }
    return isAny
  }
}
