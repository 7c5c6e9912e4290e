import Glibc

/// A numeric TCP address, such as `127.0.0.1:8080` or `[::1]:8080`.
package struct SocketAddress: Hashable, Sendable, CustomStringConvertible {
  /// An address without its port.
  enum Host: Hashable, Sendable {
    /// In network order.
    case ipv4([UInt8])
    case ipv6([UInt8])
  }

  /// The address without its port.
  let host: Host
  /// 0 asks for any free one.
  package let port: UInt16

  /// Joins an address and a port.
  init(host: Host, port: UInt16) {
    self.host = host
    self.port = port
  }

  /// An address of this machine alone, at any free port.
  static let anyLoopback = SocketAddress(host: .ipv4([127, 0, 0, 1]), port: 0)

  /// Reads `ADDRESS:PORT`, numbers alone; nil for anything else, names included.
  package init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":"),
      let port = UInt16(text[text.index(after: colon)...])
    else { return nil }
    var name = String(text[..<colon])
    if name.hasPrefix("["), name.hasSuffix("]") {
      name = String(name.dropFirst().dropLast())
      var address = in6_addr()
      guard inet_pton(AF_INET6, name, &address) == 1 else { return nil }
      self.init(host: .ipv6(withUnsafeBytes(of: address) { Array($0) }), port: port)
    } else {
      var address = in_addr()
      guard inet_pton(AF_INET, name, &address) == 1 else { return nil }
      self.init(host: .ipv4(withUnsafeBytes(of: address) { Array($0) }), port: port)
    }
  }

  /// The same host at another port.
  func at(port: UInt16) -> SocketAddress { SocketAddress(host: host, port: port) }

  /// Whether every address of the machine is meant.
  var isWildcard: Bool {
    switch host {
    case .ipv4(let bytes), .ipv6(let bytes): bytes.allSatisfy { $0 == 0 }
    }
  }

  /// The socket family.
  var family: Int32 {
    switch host {
    case .ipv4: AF_INET
    case .ipv6: AF_INET6
    }
  }

  package var description: String {
    switch host {
    case .ipv4(let bytes): bytes.map(String.init).joined(separator: ".") + ":\(port)"
    case .ipv6(let bytes):
      "[\(SocketAddress.text(ofIPv6: bytes))]:\(port)"
    }
  }

  private static func text(ofIPv6 bytes: [UInt8]) -> String {
    var buffer = [CChar](repeating: 0, count: Int(INET6_ADDRSTRLEN))
    let size = socklen_t(buffer.count)
    guard inet_ntop(AF_INET6, bytes, &buffer, size) != nil else { return "?" }
    return String(decoding: buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }

  /// Calls with the address as the kernel takes it.
  func withSocketAddress<Result>(
    _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result {
    switch host {
    case .ipv4(let bytes):
      var address = sockaddr_in()
      address.sin_family = sa_family_t(AF_INET)
      address.sin_port = port.bigEndian
      withUnsafeMutableBytes(of: &address.sin_addr) { $0.copyBytes(from: bytes) }
      return SocketAddress.rebound(&address, body)
    case .ipv6(let bytes):
      var address = sockaddr_in6()
      address.sin6_family = sa_family_t(AF_INET6)
      address.sin6_port = port.bigEndian
      withUnsafeMutableBytes(of: &address.sin6_addr) { $0.copyBytes(from: bytes) }
      return SocketAddress.rebound(&address, body)
    }
  }

  private static func rebound<Address, Result>(
    _ address: inout Address, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Result
  ) -> Result {
    let size = socklen_t(MemoryLayout<Address>.size)
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, size) }
    }
  }

  /// The address that a socket is bound to; nil when it is bound to none of these families.
  static func bound(to socket: Int32) -> SocketAddress? {
    var storage = sockaddr_storage()
    var size = socklen_t(MemoryLayout<sockaddr_storage>.size)
    let result = withUnsafeMutablePointer(to: &storage) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { getsockname(socket, $0, &size) }
    }
    guard result == 0 else { return nil }
    let bytes = withUnsafeBytes(of: storage) { Array($0) }
    let port = UInt16(bytes[2]) << 8 | UInt16(bytes[3])
    switch Int32(storage.ss_family) {
    case AF_INET: return SocketAddress(host: .ipv4(Array(bytes[4..<8])), port: port)
    case AF_INET6: return SocketAddress(host: .ipv6(Array(bytes[8..<24])), port: port)
    default: return nil
    }
  }
}
