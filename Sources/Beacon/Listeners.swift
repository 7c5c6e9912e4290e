import Glibc

/// A listening socket, and who asks on it.
struct Listener: Sendable {
  /// What the holder of the socket calls it; `http-private` is the one that only a supervisor uses.
  var name: String
  var descriptor: CInt

  /// Whether clients of the service come in here.
  var isPublic: Bool { name != "http-private" }
}

extension Listener {
  private static let firstInherited: CInt = 3
  /// Connections that may wait to be accepted, where this process made the socket.
  private static let backlog: CInt = 4_096

  /// The sockets that `LISTEN_FDS`, `LISTEN_PID` and `LISTEN_FDNAMES` hand to this process.
  static func inherited() throws(StartupError) -> [Listener] {
    guard let count = environment("LISTEN_FDS").flatMap(CInt.init), count > 0 else { return [] }
    guard environment("LISTEN_PID").flatMap(pid_t.init) == getpid() else {
      throw StartupError(
        "beacon: LISTEN_PID does not name this process, so its sockets are not ours; "
          + "set it to the process that executes beacon.")
    }
    let names = (environment("LISTEN_FDNAMES") ?? "").split(
      separator: ":", omittingEmptySubsequences: false)
    for name in ["LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES"] { unsetenv(name) }
    return try (0..<count).map { (offset) throws(StartupError) in
      let descriptor = firstInherited + offset
      guard fcntl(descriptor, F_SETFD, FD_CLOEXEC) == 0 else {
        throw StartupError(
          "beacon: LISTEN_FDS promises \(count) sockets, and descriptor \(descriptor) is closed.")
      }
      let name = names.indices.contains(Int(offset)) ? String(names[Int(offset)]) : "http"
      return Listener(name: name, descriptor: descriptor)
    }
  }

  /// Binds `HOST:PORT`, an IPv4 address and a port, for use by hand.
  static func bound(to address: String) throws(StartupError) -> Listener {
    let parts = address.split(separator: ":")
    var socketAddress = sockaddr_in()
    socketAddress.sin_family = sa_family_t(AF_INET)
    guard parts.count == 2, let port = UInt16(parts[1]),
      inet_pton(AF_INET, String(parts[0]), &socketAddress.sin_addr) == 1
    else {
      throw StartupError("beacon: \(address) is no address; write one such as 127.0.0.1:8080.")
    }
    socketAddress.sin_port = port.bigEndian
    let type = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
    let descriptor = socket(AF_INET, type, 0)
    var isOn: CInt = 1
    setsockopt(
      descriptor, SOL_SOCKET, SO_REUSEADDR, &isOn, socklen_t(MemoryLayout<CInt>.size))
    let code = withUnsafePointer(to: socketAddress) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
    guard code == 0, listen(descriptor, backlog) == 0 else {
      let reason = String(cString: strerror(errno))
      close(descriptor)
      throw StartupError("beacon: \(address) cannot be listened on: \(reason).")
    }
    return Listener(name: "http", descriptor: descriptor)
  }

  private static func environment(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }
  }
}
