/// Finds out who listens where we wanted to.
enum PortHolder {
  /// A sentence about the processes that listen at the address or at all addresses of its port.
  static func sentence(for address: SocketAddress) -> String {
    let holders = pids(holding: inodes(listeningAt: address))
    guard !holders.isEmpty else {
      return "another process holds \(address), one that this user may not look into"
    }
    let names = holders.map { pid in
      ProcessTable.command(of: pid).map { "pid \(pid) (\($0))" } ?? "pid \(pid)"
    }
    return "\(address) is held by " + names.joined(separator: ", ")
  }

  /// The pids with one of these sockets open.
  private static func pids(holding inodes: Set<String>) -> [Int32] {
    guard !inodes.isEmpty else { return [] }
    let targets = Set(inodes.map { "socket:[\($0)]" })
    return ProcessTable.pids().filter { pid in
      ProcessTable.openFiles(of: pid).contains { targets.contains($0.target) }
    }
  }

  /// The inodes of sockets that stand in the way of one at `address`.
  private static func inodes(listeningAt address: SocketAddress) -> Set<String> {
    var inodes: Set<String> = []
    for (path, length) in [("/proc/net/tcp", 4), ("/proc/net/tcp6", 16)] {
      for line in (Files.text(path, limit: 16_777_216) ?? "").split(separator: "\n").dropFirst() {
        let fields = line.split(separator: " ")
        guard fields.count > 9, fields[3] == "0A",
          let held = entry(fields[1], length: length), conflicts(held, with: address)
        else { continue }
        inodes.insert(String(fields[9]))
      }
    }
    return inodes
  }

  private static func conflicts(_ held: SocketAddress, with wanted: SocketAddress) -> Bool {
    held.port == wanted.port
      && (held.host == wanted.host || held.isWildcard || wanted.isWildcard)
  }

  /// Reads `0100007F:1F90`: words of four bytes in the machine's order, here little-endian.
  private static func entry(_ text: Substring, length: Int) -> SocketAddress? {
    let parts = text.split(separator: ":")
    guard parts.count == 2, parts[0].utf8.count == length * 2,
      let port = UInt16(parts[1], radix: 16)
    else { return nil }
    var bytes: [UInt8] = []
    var digits = parts[0]
    while !digits.isEmpty {
      guard let word = UInt32(digits.prefix(8), radix: 16) else { return nil }
      bytes += withUnsafeBytes(of: word) { Array($0) }
      digits = digits.dropFirst(8)
    }
    return SocketAddress(host: length == 4 ? .ipv4(bytes) : .ipv6(bytes), port: port)
  }
}
