import Glibc

/// How far an Internet address reaches, which decides who may be asked to connect to it.
enum AddressClass: Hashable, Sendable, CaseIterable {
  /// Routed on the Internet.
  case publicInternet
  /// A network of one organisation: RFC 1918, unique local, shared (carrier) addresses.
  case privateNetwork
  /// One wire; the metadata services of clouds live here.
  case linkLocal
  /// This machine.
  case loopback
  /// No address of one host: unspecified, multicast, reserved, documentation.
  case unusable
}

/// An Internet address after resolution.
struct HostAddress: Hashable, Sendable {
  /// Four or sixteen bytes in network order.
  private let bytes: [UInt8]

  /// Reads the text of an IPv4 or IPv6 address; nil for anything else.
  init?(_ text: String) {
    var version4 = in_addr()
    var version6 = in6_addr()
    if inet_pton(AF_INET, text, &version4) == 1 {
      bytes = withUnsafeBytes(of: version4) { Array($0) }
    } else if inet_pton(AF_INET6, text, &version6) == 1 {
      bytes = withUnsafeBytes(of: version6) { Array($0) }
    } else {
      return nil
    }
  }

  /// Reads the address out of a socket address; nil for other families than IPv4 and IPv6.
  init?(_ address: UnsafePointer<sockaddr>) {
    switch Int32(address.pointee.sa_family) {
    case AF_INET:
      bytes = UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in.self).addressBytes
    case AF_INET6:
      bytes = UnsafeRawPointer(address).loadUnaligned(as: sockaddr_in6.self).addressBytes
    default: return nil
    }
  }

  /// The class of the address; of the IPv4 address inside when one is embedded.
  var addressClass: AddressClass {
    guard bytes.count == 16 else { return HostAddress.version4(bytes[...]) }
    if let embedded { return HostAddress.version4(embedded) }
    switch (bytes[0], bytes[1]) {
    case (0, 0):
      return bytes[2...] == [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]
        ? .loopback : .unusable
    case (0xFC...0xFD, _): return .privateNetwork
    case (0xFE, 0x80...0xBF): return .linkLocal
    case (0xFE, 0xC0...0xFF): return .privateNetwork
    // Teredo hides an address behind a relay; documentation belongs to nobody.
    case (0x20, 0x01) where bytes[2] == 0 && bytes[3] == 0: return .unusable
    case (0x20, 0x01) where bytes[2] == 0x0D && bytes[3] == 0xB8: return .unusable
    case (0x20...0x3F, _): return .publicInternet
    default: return .unusable
    }
  }

  /// The IPv4 address that an IPv6 address leads to.
  private var embedded: ArraySlice<UInt8>? {
    let zeros = bytes.prefix { $0 == 0 }.count
    switch zeros {
    // ::ffff:a.b.c.d, and the older ::ffff:0:a.b.c.d
    case 10 where bytes[10] == 0xFF && bytes[11] == 0xFF: return bytes[12...]
    case 8 where bytes[8...11] == [0xFF, 0xFF, 0, 0]: return bytes[12...]
    // ::a.b.c.d, which some systems still connect by IPv4; :: and ::1 are not of this kind.
    case 12...14: return bytes[12...]
    default: break
    }
    // 64:ff9b::/96 is translated to IPv4, 2002::/16 is a tunnel to it.
    if bytes[..<12] == [0, 0x64, 0xFF, 0x9B, 0, 0, 0, 0, 0, 0, 0, 0] { return bytes[12...] }
    if bytes[..<2] == [0x20, 0x02] { return bytes[2..<6] }
    return nil
  }

  private static func version4(_ bytes: ArraySlice<UInt8>) -> AddressClass {
    let address = Array(bytes)
    switch (address[0], address[1], address[2]) {
    case (127, _, _): return .loopback
    case (10, _, _), (172, 16...31, _), (192, 168, _), (100, 64...127, _): return .privateNetwork
    case (169, 254, _): return .linkLocal
    // Linux connects 0.0.0.0 to this machine, which no reply may make use of.
    case (0, _, _), (224...255, _, _): return .unusable
    case (192, 0, 0), (192, 0, 2), (198, 18...19, _), (198, 51, 100), (203, 0, 113):
      return .unusable
    default: return .publicInternet
    }
  }
}

extension sockaddr_in {
  fileprivate var addressBytes: [UInt8] { withUnsafeBytes(of: sin_addr) { Array($0) } }
}

extension sockaddr_in6 {
  fileprivate var addressBytes: [UInt8] { withUnsafeBytes(of: sin6_addr) { Array($0) } }
}
