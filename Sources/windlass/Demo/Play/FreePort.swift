import Glibc

/// Ports of 127.0.0.1 that nobody uses.
enum FreePort {
  /// Finds as many as asked for, all different.
  ///
  /// Somebody else could take one before its service binds it, which the daemon then reports.
  static func find(_ count: Int) throws(CommandFailure) -> [UInt16] {
    var descriptors: [CInt] = []
    // All stay open until the last is found, so that no port comes twice.
    defer { for descriptor in descriptors { close(descriptor) } }
    var ports: [UInt16] = []
    for _ in 0..<count {
      let type = CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue)
      let descriptor = socket(AF_INET, type, 0)
      descriptors.append(descriptor)
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
      var size = socklen_t(MemoryLayout<sockaddr_in>.size)
      let isBound = withUnsafeMutablePointer(to: &address) {
        $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
          bind(descriptor, $0, size) == 0 && getsockname(descriptor, $0, &size) == 0
        }
      }
      guard isBound else {
        throw CommandFailure(
          .failed, "NoPort",
          "No free port of 127.0.0.1 was found: \(String(cString: strerror(errno))). Check that "
            + "loopback is up and run the command again.")
      }
      ports.append(UInt16(bigEndian: address.sin_port))
    }
    return ports
  }
}
