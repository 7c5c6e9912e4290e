import Glibc

/// An IP address and a port to listen on, such as `127.0.0.1:8080` or `[::1]:8080`.
struct NetworkAddress: Hashable, Sendable, CustomStringConvertible {
  /// The address without brackets.
  var host: String
  var port: UInt16

  /// Whether the address is one of IP version 6.
  var isVersion6: Bool { host.contains(":") }

  /// Reads the text; nil when it is no literal address with a port from 1.
  init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":") else { return nil }
    let digits = text[text.index(after: colon)...]
    guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let port = UInt16(digits), port > 0
    else { return nil }
    var host = String(text[..<colon])
    let isBracketed = host.hasPrefix("[") && host.hasSuffix("]") && host.count > 2
    if isBracketed { host = String(host.dropFirst().dropLast()) }
    var storage = in6_addr()
    let family = isBracketed ? AF_INET6 : AF_INET
    guard inet_pton(family, host, &storage) == 1 else { return nil }
    self.host = host
    self.port = port
  }

  var description: String { isVersion6 ? "[\(host)]:\(port)" : "\(host):\(port)" }
}
