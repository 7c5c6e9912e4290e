import Glibc

/// An address and a port of this machine's network.
struct SocketPlace {
  private var address = sockaddr_in()

  /// Nil for what is no IPv4 address.
  init?(_ text: String, _ port: Int) {
    guard let port = UInt16(exactly: port), inet_pton(AF_INET, text, &address.sin_addr) == 1
    else { return nil }
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
  }

  /// A non-blocking socket that listens there; nil when the place can't be had.
  func listen() -> CInt? {
    guard let descriptor = makeSocket() else { return nil }
    var isOn: CInt = 1
    setsockopt(
      descriptor, SOL_SOCKET, SO_REUSEADDR, &isOn, socklen_t(MemoryLayout<CInt>.size))
    guard withAddress({ Glibc.bind(descriptor, $0, $1) }) == 0, Glibc.listen(descriptor, 4_096) == 0
    else {
      close(descriptor)
      return nil
    }
    return descriptor
  }

  /// A non-blocking socket that is being connected there; nil when that has failed already.
  func connect() -> CInt? {
    guard let descriptor = makeSocket() else { return nil }
    // Asked three times, a host that says nothing is given up after seven seconds.
    var retries: CInt = 2
    setsockopt(
      descriptor, CInt(IPPROTO_TCP), TCP_SYNCNT, &retries, socklen_t(MemoryLayout<CInt>.size))
    guard withAddress({ Glibc.connect(descriptor, $0, $1) }) == 0 || errno == EINPROGRESS else {
      close(descriptor)
      return nil
    }
    return descriptor
  }

  private func makeSocket() -> CInt? {
    let kind = [SOCK_STREAM, SOCK_NONBLOCK, SOCK_CLOEXEC].reduce(CInt(0)) {
      $0 | CInt($1.rawValue)
    }
    let descriptor = socket(AF_INET, kind, 0)
    return descriptor >= 0 ? descriptor : nil
  }

  private func withAddress(_ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt) -> CInt {
    withUnsafePointer(to: address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_in>.size))
      }
    }
  }
}
