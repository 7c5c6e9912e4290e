/// What network a process has.
enum NetworkNamespace {
  /// Whether the process is known not to share our network: its namespace is another one, and has
  /// no interface but loopback. A process that has ended shares nothing.
  static func isSeparate(_ pid: Int32) -> Bool {
    guard let theirs = Files.target(ofLink: "/proc/\(pid)/ns/net") else {
      return ProcessTable.startTime(of: pid) == nil || ProcessTable.isZombie(pid)
    }
    guard let ours = Files.target(ofLink: "/proc/self/ns/net"), theirs != ours,
      let devices = Files.text("/proc/\(pid)/net/dev")
    else { return false }
    let names = devices.split(separator: "\n").dropFirst(2).compactMap { line in
      line.split(separator: ":").first?.drop { $0 == " " }
    }
    return names.allSatisfy { $0 == "lo" }
  }
}
