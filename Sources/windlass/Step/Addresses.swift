import Glibc
import PostgresDriver

/// Places of the network as numbers, which need no name service where they are tried.
enum Addresses {
  /// Every address of a database's servers, as `ADDRESS:PORT`; none of names that nobody knows.
  static func of(_ url: PostgresURL) -> [String] {
    var places: [String] = []
    for server in url.networkServers {
      for place in resolve(server.host, server.port) where !places.contains(place) {
        places.append(place)
      }
    }
    return places
  }

  /// The addresses of a name.
  static func resolve(_ host: String, _ port: String) -> [String] {
    var wanted = addrinfo()
    wanted.ai_socktype = Int32(SOCK_STREAM.rawValue)
    var found: UnsafeMutablePointer<addrinfo>?
    guard getaddrinfo(host, port, &wanted, &found) == 0 else { return [] }
    defer { freeaddrinfo(found) }
    var places: [String] = []
    var next = found
    while let entry = unsafe next?.pointee {
      if let place = text(entry) { places.append(place) }
      next = entry.ai_next
    }
    return places
  }

  /// Whether a host is a number and no name.
  static func isNumeric(_ host: String) -> Bool {
    var wanted = addrinfo()
    wanted.ai_flags = AI_NUMERICHOST
    var found: UnsafeMutablePointer<addrinfo>?
    guard !host.isEmpty, getaddrinfo(host, nil, &wanted, &found) == 0 else { return false }
    freeaddrinfo(found)
    return true
  }

  private static func text(_ entry: addrinfo) -> String? {
    var host = [CChar](repeating: 0, count: Int(NI_MAXHOST))
    var port = [CChar](repeating: 0, count: Int(NI_MAXSERV))
    let result = getnameinfo(
      entry.ai_addr, entry.ai_addrlen, &host, socklen_t(host.count), &port,
      socklen_t(port.count), NI_NUMERICHOST | NI_NUMERICSERV)
    guard result == 0 else { return nil }
    let words = [host, port].map { word in
      String(decoding: word.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
    return words[0].contains(":") ? "[\(words[0])]:\(words[1])" : "\(words[0]):\(words[1])"
  }

  /// Whether a connection to the place comes about within a time.
  static func answers(_ place: String, within milliseconds: Int32) -> Bool {
    guard let colon = place.lastIndex(of: ":") else { return false }
    let host = place[..<colon].filter { $0 != "[" && $0 != "]" }
    var wanted = addrinfo()
    wanted.ai_socktype = Int32(SOCK_STREAM.rawValue)
    wanted.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
    var found: UnsafeMutablePointer<addrinfo>?
    let port = String(place[place.index(after: colon)...])
    guard getaddrinfo(host, port, &wanted, &found) == 0 else { return false }
    defer { freeaddrinfo(found) }
    guard let entry = unsafe found?.pointee else { return false }
    let kind = Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue | SOCK_CLOEXEC.rawValue)
    let descriptor = socket(entry.ai_family, kind, 0)
    guard descriptor >= 0 else { return false }
    defer { close(descriptor) }
    if connect(descriptor, entry.ai_addr, entry.ai_addrlen) == 0 { return true }
    guard errno == EINPROGRESS else { return false }
    var waiting = pollfd(fd: descriptor, events: Int16(POLLOUT), revents: 0)
    guard poll(&waiting, 1, milliseconds) == 1 else { return false }
    var failure: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    return getsockopt(descriptor, SOL_SOCKET, SO_ERROR, &failure, &size) == 0 && failure == 0
  }
}
