import Glibc

/// What a process has used, as the kernel tells it.
struct ProcessUse: Sendable {
  /// Processor time since its start, in milliseconds, rounded to hundredths of a second.
  var milliseconds: Int
  /// Resident memory, and what of it is no file's, in KiB.
  var resident: Int
  var anonymous: Int

  /// - Throws: when there is no such process.
  init(of pid: pid_t) throws(BenchFailure) {
    let stat = String(decoding: try ChildProcess.bytes(of: "/proc/\(pid)/stat"), as: UTF8.self)
    // The name of the program, in brackets, may hold blanks.
    let fields = stat.split(separator: ")").last?.split(separator: " ") ?? []
    guard fields.count > 12, let user = Int(fields[11]), let system = Int(fields[12]) else {
      throw BenchFailure(description: "/proc/\(pid)/stat is not understood: \(stat)")
    }
    milliseconds = (user + system) * 1_000 / max(1, sysconf(Int32(_SC_CLK_TCK)))
    let status = String(decoding: try ChildProcess.bytes(of: "/proc/\(pid)/status"), as: UTF8.self)
    func kilobytes(_ name: String) -> Int {
      let line = status.split(separator: "\n").first { $0.hasPrefix(name + ":") }
      return line?.split(whereSeparator: { !$0.isNumber }).first.flatMap { Int($0) } ?? 0
    }
    resident = kilobytes("VmRSS")
    anonymous = kilobytes("RssAnon")
  }
}
