import CLinux
import Glibc
import WindlassCore

/// One rehearsed server while it runs, and what was seen of it.
final class RehearsalProcess {
  /// Everything that a rehearsed server is started with.
  struct Order: Sendable {
    /// What is executed, and how.
    var spawn: SpawnOrder
    /// The entry of its environment that tells its descendants from all other processes.
    var cookie: String
    /// The file that its output goes to.
    var log: String
    /// The database that it should use; nil when that is no file.
    var scratchFile: String?
    /// Databases that it must not use.
    var productionFiles: [String]
    /// What the server was told of its database.
    var databaseURL: String
  }

  /// What the server was started with.
  let order: Order
  private let pid: Int32
  private let pidfd: Descriptor
  private var report: RehearsalServerReport

  /// Starts the server; where a network of its own can't be had it runs without, and the report
  /// says so.
  init(_ order: Order) throws(StepFailure) {
    self.order = order
    var spawn = order.spawn
    var attemptsLeft = Bounds.executeAttemptsMax
    var started = RehearsalProcess.start(spawn)
    while case .failure(let failure) = started, attemptsLeft > 0 {
      attemptsLeft -= 1
      if failure.isAboutNetwork {
        spawn.flags.remove(.ownNetwork)
      } else if failure.isAboutWriter {
        usleep(UInt32(Bounds.executeRetryDelay.milliseconds) * 1_000)
      } else {
        break
      }
      started = RehearsalProcess.start(spawn)
    }
    switch started {
    case .success(let child): (pid, pidfd) = (child.pid, child.pidfd)
    case .failure(let failure):
      throw failure.failure("The server was not started for the rehearsal", "ServerNotStarted")
    }
    let isIsolated = spawn.flags.contains(.ownNetwork)
    report = RehearsalServerReport(
      exit: nil, output: "", isIsolated: isIsolated, usesScratch: false, usesProduction: false)
    _ = look()
  }

  private struct Child: Sendable {
    var pid: Int32
    var pidfd: Descriptor
  }

  private static func start(_ order: SpawnOrder) -> Result<Child, SpawnFailure> {
    let result: Result<Child, SpawnFailure>? = LastingThread.shared.run {
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
    return result ?? .failure(SpawnFailure(stage: 0, number: EAGAIN))
  }

  /// Takes into account which databases the server was seen to use.
  func note(_ use: DatabaseUse) {
    report.usesScratch = report.usesScratch || use.scratch
    report.usesProduction = report.usesProduction || use.production
  }

  /// Whether it has not ended.
  var isRunning: Bool { report.exit == nil }

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
