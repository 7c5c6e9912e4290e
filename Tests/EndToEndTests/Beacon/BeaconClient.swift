import Glibc
import Testing
import WindlassWire

/// A client of Beacon that asks one question at a time, each on a connection of its own.
struct BeaconClient {
  let port: UInt16

  /// Creates or changes a flag, and expects to read back what it wrote.
  func put(_ key: String, percent: Int) throws {
    let body =
      #"{"key":"\#(key)","name":"A flag","isEnabled":true,"rolloutPercent":\#(percent)}"#
    let reply = try ask("POST", "/api/v1/flags", body)
    #expect(reply["rolloutPercent"]?.integer == Int64(percent), "\(reply.text)")
  }

  /// The share of a flag.
  func percent(of key: String) throws -> Int64? {
    try ask("GET", "/api/v1/flags/\(key)", "")["rolloutPercent"]?.integer
  }

  private func ask(_ method: String, _ path: String, _ body: String) throws -> JSONValue {
    let descriptor = socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0)
    defer { close(descriptor) }
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    let isConnected = withUnsafePointer(to: &address) {
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        connect(descriptor, $0, socklen_t(MemoryLayout<sockaddr_in>.size)) == 0
      }
    }
    try #require(isConnected)
    var request = "\(method) \(path) HTTP/1.1\r\nHost: beacon\r\nConnection: close\r\n"
    request += "Content-Length: \(body.utf8.count)\r\n\r\n\(body)"
    try #require(request.withUTF8 { write(descriptor, $0.baseAddress, $0.count) } > 0)
    var reply: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = read(descriptor, &chunk, chunk.count)
      guard count > 0 else { break }
      reply += chunk[..<count]
    }
    let text = String(decoding: reply, as: UTF8.self)
    let parts = text.split(separator: "\r\n\r\n", maxSplits: 1)
    try #require(parts.count == 2, "\(text)")
    return try JSONValue.parse(Array(parts[1].utf8))
  }
}
