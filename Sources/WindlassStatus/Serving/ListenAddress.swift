import Glibc

/// Where to listen: `127.0.0.1:8080`, `[::1]:8080`, or `:8080` for all addresses of the machine.
package struct ListenAddress: Hashable, Sendable, CustomStringConvertible {
  /// The address; nil for all.
  package let host: String?
  /// From 1, or 0 for any that is free.
  package let port: Int

  /// Reads the text; nil when it is no literal address with a port.
  package init?(_ text: String) {
    guard let colon = text.lastIndex(of: ":") else { return nil }
    let digits = text[text.index(after: colon)...]
    guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      let port = UInt16(digits)
    else { return nil }
    self.port = Int(port)
    var host = String(text[..<colon])
    guard !host.isEmpty else {
      self.host = nil
      return
    }
    let isBracketed = host.hasPrefix("[") && host.hasSuffix("]") && host.count > 2
    if isBracketed { host = String(host.dropFirst().dropLast()) }
    var storage = in6_addr()
    guard inet_pton(isBracketed ? AF_INET6 : AF_INET, host, &storage) == 1 else { return nil }
    self.host = host
  }

  package var description: String {
    guard let host else { return ":\(port)" }
    return host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
  }

  /// The addresses to try, one after the other: all of both versions, and where the machine has no
  /// version 6, all of version 4.
  var hosts: [String] { host.map { [$0] } ?? ["::", "0.0.0.0"] }
}
