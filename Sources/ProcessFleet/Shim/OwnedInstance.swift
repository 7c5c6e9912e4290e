import CLinux
import Glibc
import WindlassCore

/// One recorded instance and what this shim holds of it.
final class OwnedInstance {
  /// What is known of its life.
  private enum Hold {
    /// The process was there when last looked at.
    case alive(Descriptor)
    /// Its process ended, but descendants of it may still run; a child stays unreaped meanwhile.
    case ending(Descriptor, ExitReport)
    case dead
    case inDoubt(String)
  }

  /// What is kept on disk.
  private(set) var record: InstanceRecord
  private var hold: Hold

  /// An instance that this shim has started.
  init(_ record: InstanceRecord, pidfd: Descriptor) {
    self.record = record
    hold = .alive(pidfd)
  }

  /// An instance that an earlier shim recorded, looked for now.
  init(recovering record: InstanceRecord, here: HostIdentity) {
    self.record = record
    hold = .dead
    if record.exit == nil { look(from: here) }
  }

  /// What the daemon is told.
  var life: InstanceLife {
    switch hold {
    case .alive, .ending: .alive
    case .dead: .dead
    case .inDoubt: .unknown
    }
  }

  /// Why its life is in doubt; empty when it is not.
  var doubt: String {
    guard case .inDoubt(let reason) = hold else { return "" }
    return reason
  }

  /// The pidfd to wait on; nil when there is nothing to wait for.
  var watched: Descriptor? {
    guard case .alive(let pidfd) = hold else { return nil }
    return pidfd
  }

  /// Whether its descendants are being ended, so that it wants another look soon.
  var isEnding: Bool {
    guard case .ending = hold else { return false }
    return true
  }

  /// Whether SIGTERM was sent and its end was not seen.
  var isDraining: Bool {
    guard case .stopping = record.stage else { return false }
    return true
  }

  /// When SIGKILL is due, in milliseconds of `MonotonicClock`; nil when none is, or was sent.
  var killAt: Int64? {
    guard case .stopping(let killAt) = record.stage, !record.wasKilled, case .alive = hold else {
      return nil
    }
    return killAt
  }

  /// Whether it never came to execute anything and is gone: then it was never started.
  var wasNeverStarted: Bool { record.stage == .waiting && life == .dead }

  /// Looks again for an instance of which nothing could be said.
  func lookAgain(from here: HostIdentity) -> Bool {
    guard case .inDoubt = hold else { return false }
    look(from: here)
    return life == .dead
  }

  private func look(from here: HostIdentity) {
    switch record.process.look(from: here) {
    case .present(let pidfd): hold = .alive(pidfd)
    case .unknown(let reason): hold = .inDoubt(reason)
    case .dead:
      // Its descendants outlive it only on the same boot and in the same pid namespace.
      if record.process.host == here { _ = endDescendants(sharesSession: false) }
      end(ExitReport())
    }
  }

  /// An earlier shim died before it let the process go, or just after; its environment tells.
  private func noteExecution() {
    guard record.stage == .waiting, case .alive = hold,
      ProcessTable.hasEnvironment(record.process.pid, entryPrefix: record.cookie)
    else { return }
    record.stage = .running
  }

  /// It executes now.
  func hasStarted() { record.stage = .running }

  /// Sends SIGTERM, once.
  func stop(killAt: Int64) {
    guard case .alive(let pidfd) = hold, record.stage == .running else { return }
    record.stage = .stopping(killAt: killAt)
    // A process that has just ended can't be signalled, and that is as good.
    clinux_pidfd_send_signal(pidfd.number, SIGTERM)
  }

  /// Sends SIGKILL when its time has come; true when it was sent now.
  func killIfDue(now: Int64) -> Bool {
    guard let killAt, killAt <= now, case .alive(let pidfd) = hold else { return false }
    record.wasKilled = true
    clinux_pidfd_send_signal(pidfd.number, SIGKILL)
    return true
  }

  /// Notes whether the process ended, and then sees to its descendants; true when it has become
  /// dead now.
  func advance() -> Bool {
    noteExecution()
    if case .alive(let pidfd) = hold, pidfd.waitUntilReadable(milliseconds: 0) {
      // Without a report it is no child of ours: an earlier shim started it.
      hold = .ending(pidfd, ExitReport.peek(pidfd) ?? ExitReport())
    }
    guard case .ending(let pidfd, let exit) = hold else { return false }
    let isChild = ExitReport.peek(pidfd) != nil
    // While it is an unreaped child its pid, and so the number of its session, can't be reused.
    guard endDescendants(sharesSession: isChild) == 0 else { return false }
    if isChild { clinux_reap(record.process.pid) }
    end(exit)
    return true
  }

  private func end(_ exit: ExitReport) {
    hold = .dead
    if record.stage != .waiting { record.stage = .ended(exit) }
  }

  /// Ends every process that carries the instance's cookie, or shares its session, and returns
  /// how many may still run.
  private func endDescendants(sharesSession: Bool) -> Int {
    let process = record.process
    return ProcessTable.kill { pid in
      pid != process.pid
        && (ProcessTable.hasEnvironment(pid, entryPrefix: record.cookie)
          || sharesSession && ProcessTable.session(of: pid) == process.pid)
    }
  }
}
