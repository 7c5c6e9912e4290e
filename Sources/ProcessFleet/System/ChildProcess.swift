import CLinux
import Glibc
import WindlassCore

/// What to start as a child.
struct SpawnOrder: Sendable {
  /// Executed by itself, whatever its name leads to by then.
  var executable: Descriptor
  /// All words, the program first.
  var arguments: [String]
  /// `NAME=value` each.
  var environment: [String]
  /// What the child finds at 3, 4, …, each with its name in `LISTEN_FDNAMES`; without any, the
  /// three `LISTEN` variables are not set.
  var listeners: [(name: String, descriptor: Descriptor)] = []
  /// What the child finds at 3, 4, … without being told so.
  var descriptors: [Descriptor] = []
  /// The working directory; nil keeps ours.
  var directory: String?
  /// Standard input.
  var input: Descriptor
  /// Standard output and standard error.
  var output: Descriptor
  /// What it is started with besides.
  var flags: SpawnFlags
}

/// What a child is started with besides its order.
struct SpawnFlags: OptionSet, Sendable {
  /// The flags as C sees them.
  let rawValue: UInt32

  /// A session and process group of its own.
  static let newSession = SpawnFlags(rawValue: CLINUX_NEW_SESSION.rawValue)
  /// SIGKILL when the thread that started it ends.
  static let diesWithParent = SpawnFlags(rawValue: CLINUX_DIE_WITH_PARENT.rawValue)
  /// A network namespace of its own, with nothing but loopback.
  static let ownNetwork = SpawnFlags(rawValue: CLINUX_OWN_NETWORK.rawValue)
  /// The executable is a script, which its interpreter opens again.
  static let keepsExecutable = SpawnFlags(rawValue: CLINUX_KEEP_EXECUTABLE.rawValue)
}

/// A child that exists and waits; dropping it without a release ends it.
final class WaitingChild {
  private var child: clinux_child
  private var isWaiting = true

  /// The child's pid.
  var pid: Int32 { child.pid }

  /// Makes the child; it executes nothing before `release()`.
  init(_ order: SpawnOrder) throws(SystemError) {
    var environment = order.environment
    if !order.listeners.isEmpty {
      environment += [
        "LISTEN_FDS=\(order.listeners.count)",
        "LISTEN_FDNAMES=" + order.listeners.map(\.name).joined(separator: ":"),
        // The child overwrites the digits with its own pid.
        "LISTEN_PID=00000000000000000000",
      ]
    }
    let chosen = order.listeners.map(\.descriptor) + order.descriptors
    var child = clinux_child()
    let result = CStrings.with(order.arguments, environment) { arguments, environment in
      chosen.map(\.number).withUnsafeBufferPointer { numbers in
        CStrings.with(order.directory) { directory in
          var request = clinux_spawn_order(
            executable: order.executable.number, arguments: arguments, environment: environment,
            directory: directory, descriptors: numbers.baseAddress,
            descriptor_count: Int32(numbers.count), standard_input: order.input.number,
            standard_output: order.output.number, standard_error: order.output.number,
            flags: order.flags.rawValue)
          return clinux_spawn_begin(&request, &child)
        }
      }
    }
    // The descriptors were only numbers to the call; they must have stayed open until here.
    withExtendedLifetime((order, chosen)) {}
    guard result == 0 else { throw SystemError("clone", result: result) }
    self.child = child
  }

  deinit { if isWaiting { clinux_spawn_abandon(&child) } }

  /// Lets the child execute, and returns its pidfd once it does.
  ///
  /// - Throws: why it did not come to that; it has then ended and been reaped.
  func release() throws(SpawnFailure) -> Descriptor {
    isWaiting = false
    var failure = clinux_spawn_failure()
    let result = clinux_spawn_release(&child, &failure)
    let pidfd = Descriptor(owning: child.pidfd)
    guard result == 0, failure.stage == 0 else {
      ExitReport.awaitEnd(of: pidfd, pid: child.pid)
      throw SpawnFailure(
        stage: failure.stage, number: failure.stage == 0 ? -result : failure.error)
    }
    return pidfd
  }
}

/// Why a child did not come to execute.
struct SpawnFailure: Error, CustomStringConvertible {
  /// A `clinux_spawn_stage`, or 0 when it was killed before it began.
  var stage: Int32
  /// The error number.
  var number: Int32

  /// The call that failed in the child.
  var call: String {
    switch UInt32(bitPattern: stage) {
    case CLINUX_STAGE_SIGNALS.rawValue: "sigprocmask"
    case CLINUX_STAGE_SESSION.rawValue: "setsid"
    case CLINUX_STAGE_NETWORK.rawValue: "unshare of the network"
    case CLINUX_STAGE_PARENT.rawValue: "prctl"
    case CLINUX_STAGE_DESCRIPTORS.rawValue: "passing of descriptors"
    case CLINUX_STAGE_DIRECTORY.rawValue: "chdir"
    case CLINUX_STAGE_EXECUTE.rawValue: "execveat"
    default: "start"
    }
  }

  var description: String { SystemError(call, number: number).description }

  /// Whether the network namespace was what could not be had.
  var isAboutNetwork: Bool { UInt32(bitPattern: stage) == CLINUX_STAGE_NETWORK.rawValue }

  /// Whether somebody had the executable open for writing, which passes: a child of any thread has
  /// copies of the files that are just being unpacked, until it executes something.
  var isAboutWriter: Bool { number == ETXTBSY }

  /// Whether the executable itself is to blame.
  var isAboutExecutable: Bool {
    UInt32(bitPattern: stage) == CLINUX_STAGE_EXECUTE.rawValue
      && !SystemError("execveat", number: number).isShortage
  }
}

extension SpawnFailure {
  /// The failure of a step that the start was part of; a program that this machine can't run is
  /// the release's fault.
  func failure(_ what: String, _ code: String) -> StepFailure {
    StepFailure(
      code: isAboutExecutable ? "ExecutableRefused" : code,
      disposition: isAboutExecutable ? .stop : .retry,
      message:
        "\(what): \(self). Check that the command's first word names a program of the artifact "
        + "that this machine can run.",
      blamesRelease: isAboutExecutable)
  }
}

extension ExitReport {
  /// How the child of that pidfd ended, leaving it a zombie; nil while it runs or when it is no
  /// child of ours.
  static func peek(_ pidfd: Descriptor) -> ExitReport? {
    var ended = clinux_exit()
    guard clinux_peek_ended(pidfd.number, &ended) == 1 else { return nil }
    return ExitReport(ended)
  }

  /// Makes a report of what the kernel told.
  init(_ ended: clinux_exit) {
    self.init(
      code: ended.exited == 1 ? ended.status : nil, signal: ended.exited == 1 ? nil : ended.status)
  }

  /// Waits for a child that is known to be ending, and reaps it.
  fileprivate static func awaitEnd(of pidfd: Descriptor, pid: Int32) {
    _ = pidfd.waitUntilReadable(milliseconds: -1)
    clinux_reap(pid)
  }
}

extension Descriptor {
  /// Waits until there is something to read, which for a pidfd means that the process ended;
  /// false when the time was over first. A negative time is no limit.
  func waitUntilReadable(milliseconds: Int32) -> Bool {
    var entry = pollfd(fd: number, events: Int16(POLLIN), revents: 0)
    let deadline = MonotonicClock.milliseconds() + Int64(milliseconds)
    while true {
      let left = deadline - MonotonicClock.milliseconds()
      let result = poll(&entry, 1, milliseconds < 0 ? -1 : Int32(max(0, left)))
      if result > 0 { return true }
      if result == 0 { return false }
      guard errno == EINTR else { return false }
    }
  }
}
