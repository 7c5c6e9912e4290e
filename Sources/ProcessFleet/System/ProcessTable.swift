import CLinux
import Glibc

/// What `/proc` says about processes.
enum ProcessTable {
  /// Every pid, ascending; empty without a `/proc`.
  static func pids() -> [Int32] {
    // Without /proc nothing can be told about any process, and callers say so themselves.
    ((try? Files.names(in: "/proc")) ?? []).compactMap { Int32($0) }.sorted()
  }

  /// Ticks from boot to the process's start; nil when it is gone.
  static func startTime(of pid: Int32) -> UInt64? {
    fields(of: pid).flatMap { $0.count > 19 ? UInt64($0[19]) : nil }
  }

  /// The session that the process is in; nil when it is gone.
  static func session(of pid: Int32) -> Int32? {
    fields(of: pid).flatMap { $0.count > 3 ? Int32($0[3]) : nil }
  }

  /// Whether the process has ended and only waits to be reaped.
  static func isZombie(_ pid: Int32) -> Bool {
    fields(of: pid)?.first.map { $0 == "Z" || $0 == "X" } ?? false
  }

  /// The fields of `/proc/PID/stat` from the third on; the second, a name, may hold anything.
  private static func fields(of pid: Int32) -> [Substring]? {
    guard let text = Files.text("/proc/\(pid)/stat"), let end = text.lastIndex(of: ")") else {
      return nil
    }
    return text[text.index(after: end)...].split(separator: " ")
  }

  /// The command line with blanks between its words, for a person; nil when it can't be read.
  static func command(of pid: Int32) -> String? {
    guard let text = Files.text("/proc/\(pid)/cmdline") else { return nil }
    let words = text.split(separator: "\0").joined(separator: " ")
    return words.isEmpty ? nil : String(words.prefix(200))
  }

  /// Whether the process was started with this whole entry, or one that begins so, in its
  /// environment.
  static func hasEnvironment(_ pid: Int32, entryPrefix: String) -> Bool {
    guard let bytes = try? Files.read("/proc/\(pid)/environ", limit: 4_194_304) else {
      // It has gone, or is another user's and so not a child of ours.
      return false
    }
    let prefix = Array(entryPrefix.utf8)
    return bytes.split(separator: 0).contains { $0.starts(with: prefix) }
  }

  /// The open descriptors of a process with what each leads to, such as `socket:[4711]`.
  static func openFiles(of pid: Int32) -> [(number: Int32, target: String)] {
    let directory = "/proc/\(pid)/fd"
    return ((try? Files.names(in: directory)) ?? []).compactMap { name in
      guard let number = Int32(name), let target = Files.target(ofLink: "\(directory)/\(name)")
      else { return nil }
      return (number, target)
    }
  }

  /// Sends SIGKILL to every process that `isWanted`, each by a pidfd opened before it was judged,
  /// and returns how many of them still run.
  static func kill(where isWanted: (Int32) -> Bool) -> Int {
    var count = 0
    for pid in pids() where pid != getpid() && isWanted(pid) && !isZombie(pid) {
      let pidfd = clinux_pidfd_open(pid)
      guard pidfd >= 0 else {
        // Out of descriptors is no proof of death.
        if pidfd != -ESRCH { count += 1 }
        continue
      }
      let descriptor = Descriptor(owning: pidfd)
      guard isWanted(pid), !isZombie(pid) else { continue }
      if clinux_pidfd_send_signal(descriptor.number, SIGKILL) != -ESRCH { count += 1 }
    }
    return count
  }
}
