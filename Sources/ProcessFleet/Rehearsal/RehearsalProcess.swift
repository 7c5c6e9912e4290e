import CLinux
import Glibc
import WindlassCore

/// One rehearsed server while it runs, and what was seen of it.
final class RehearsalProcess {
  /// Everything that a rehearsed server is started with.
  struct Order: Sendable {
    var spawn: SpawnOrder
    /// The entry of its environment that tells its descendants from all other processes.
    var cookie: String
    var log: String
    var scratchFile: String?
    var productionFiles: [String]
  }

  private let order: Order
  private let pid: Int32
  private let pidfd: Descriptor
  private var report: RehearsalServerReport

  /// Starts the server; where a network of its own can't be had it runs without, and the report
  /// says so.
  init(_ order: Order) throws(StepFailure) {
    self.order = order
    var isIsolated = order.spawn.flags.contains(.ownNetwork)
    var started = RehearsalProcess.start(order.spawn)
    if isIsolated, case .failure(let failure) = started, failure.isAboutNetwork {
      isIsolated = false
      var shared = order.spawn
      shared.flags.remove(.ownNetwork)
      started = RehearsalProcess.start(shared)
    }
    switch started {
    case .success(let child): (pid, pidfd) = (child.pid, child.pidfd)
    case .failure(let failure):
      throw StepFailure(
        code: failure.isAboutExecutable ? "ExecutableRefused" : "ServerNotStarted",
        disposition: failure.isAboutExecutable ? .stop : .retry,
        message:
          "The server was not started for the rehearsal: \(failure). Check that the command's "
          + "first word names a program of the artifact that this machine can run.",
        blamesRelease: failure.isAboutExecutable)
    }
    report = RehearsalServerReport(
      exit: nil, output: "", isIsolated: isIsolated, usesScratch: false, usesProduction: false)
    _ = look()
  }

  private struct Child: Sendable {
    var pid: Int32
    var pidfd: Descriptor
  }

  private static func start(_ order: SpawnOrder) -> Result<Child, SpawnFailure> {
    LastingThread.shared.run {
      do {
        let waiting = try WaitingChild(order)
        return .success(Child(pid: waiting.pid, pidfd: try waiting.release()))
      } catch let failure as SpawnFailure {
        return .failure(failure)
      } catch {
        return .failure(
          SpawnFailure(stage: 0, number: (error as? SystemError)?.number ?? EIO))
      }
    }
  }

  /// Looks at the server now; what was seen once stays in the report.
  func look() -> RehearsalServerReport {
    sample()
    if report.exit == nil, pidfd.waitUntilReadable(milliseconds: 0) { end() }
    report.output = LogFile.tail(order.log)
    LogFile.rotateIfLarge(order.log)
    return report
  }

  /// Ends the server, by SIGKILL after `grace`, and everything that it has started.
  func stop(grace: Interval) -> RehearsalServerReport {
    guard report.exit == nil else { return look() }
    sample()
    clinux_pidfd_send_signal(pidfd.number, SIGTERM)
    let deadline = MonotonicClock.milliseconds() + grace.milliseconds
    // In slices, so that a cancelled rehearsal does not wait the whole grace.
    while !pidfd.waitUntilReadable(milliseconds: 50) {
      guard !Task.isCancelled, MonotonicClock.milliseconds() < deadline else { break }
    }
    clinux_pidfd_send_signal(pidfd.number, SIGKILL)
    _ = pidfd.waitUntilReadable(milliseconds: -1)
    end()
    report.output = LogFile.tail(order.log)
    return report
  }

  /// Sees to its descendants while its pid is still taken, then reaps it.
  private func end() {
    let exit = ExitReport.peek(pidfd) ?? ExitReport()
    let deadline = MonotonicClock.milliseconds() + Bounds.shimReplyTimeout.milliseconds
    while ProcessTable.kill(where: isDescendant) > 0, MonotonicClock.milliseconds() < deadline {
      usleep(UInt32(Bounds.descendantPoll.milliseconds) * 1_000)
    }
    clinux_reap(pid)
    report.exit = exit
  }

  private func isDescendant(_ other: Int32) -> Bool {
    other != pid
      && (ProcessTable.hasEnvironment(other, entryPrefix: order.cookie)
        || ProcessTable.session(of: other) == pid)
  }

  private func sample() {
    guard report.exit == nil else { return }
    let processes = ProcessTable.pids().filter { $0 == pid || isDescendant($0) }
    for process in processes where !NetworkNamespace.isSeparate(process) {
      report.isIsolated = false
    }
    if let file = order.scratchFile,
      OpenFileWatch.isOpen(OpenFileWatch.files(ofDatabase: file), in: processes)
    {
      report.usesScratch = true
    }
    let production = order.productionFiles.flatMap(OpenFileWatch.files(ofDatabase:))
    if OpenFileWatch.isOpen(production, in: processes) { report.usesProduction = true }
  }
}
