import CLinux
import Glibc

/// One process for ever: a pid alone comes back with another process behind it.
struct ProcessIdentity: Hashable, Sendable {
  /// The pid, which other processes have had and will have.
  var pid: Int32
  /// Ticks from boot to the process's start, from `/proc/PID/stat`.
  var startTime: UInt64
  /// Where the pid has its meaning.
  var host: HostIdentity

  /// What can be said of a recorded process now.
  enum Sighting {
    /// It lives, or waits as a zombie; the pidfd is that of this very process.
    case present(Descriptor)
    case dead
    /// Neither can be shown; the text says why.
    case unknown(String)
  }

  /// Looks for the process. Known dead are one of another boot, and one of whose pid and start
  /// time nothing is left in its own pid namespace; all else is doubt.
  func look(from here: HostIdentity) -> Sighting {
    guard host.bootID == here.bootID else { return .dead }
    guard host.pidNamespace == here.pidNamespace else {
      return .unknown(
        "pid \(pid) belongs to pid namespace \(host.pidNamespace), which can't be seen from here")
    }
    let pidfd = clinux_pidfd_open(pid)
    guard pidfd >= 0 else {
      return pidfd == -ESRCH
        ? .dead
        : .unknown(SystemError("pidfd_open", "of pid \(pid)", result: pidfd).description)
    }
    let descriptor = Descriptor(owning: pidfd)
    // Read after the pidfd was opened: an equal start time proves that the pidfd is that process's.
    switch ProcessTable.startTime(of: pid) {
    case startTime: return .present(descriptor)
    case .some: return .dead
    case nil:
      let result = clinux_pidfd_send_signal(pidfd, 0)
      return result == -ESRCH ? .dead : .unknown("/proc/\(pid)/stat can't be read")
    }
  }
}
