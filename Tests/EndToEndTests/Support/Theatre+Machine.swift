import Foundation
import Glibc
import Testing

/// The machine that a service runs on, as a test plays it, and what is found on it.
extension Theatre {
  private var bootID: String { directory + "/boot_id" }

  /// Nothing, unless this machine plays boots.
  var bootEnvironment: [String: String] {
    FileManager.default.fileExists(atPath: bootID) ? ["WINDLASS_BOOT_ID_PATH": bootID] : [:]
  }

  /// Gives this machine a boot of its own, unlike all before.
  func boot() throws {
    try "\(UUID().uuidString.lowercased())\n".write(
      toFile: bootID, atomically: true, encoding: .utf8)
  }

  /// Ends everything at once, as a loss of power does.
  func goDown() async throws {
    let victims = processes()
    try #require(!victims.isEmpty, "nothing ran that could end")
    for pid in victims { kill(pid, SIGKILL) }
    try await eventually("the end of everything") { processes().isEmpty }
  }

  /// Listens on the service's port in its stead; returns the socket, which the caller closes.
  func occupyPort() throws -> Int32 {
    let descriptor = socket(
      AF_INET, Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
    var address = Self.loopback(port: UInt16(port))
    let size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isHeld = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(descriptor, $0, size) == 0 && listen(descriptor, 1) == 0
      }
    }
    try #require(isHeld)
    return descriptor
  }

  /// The copies of the database that rehearsals have made and not removed.
  func scratchCopies() -> [String] {
    let folder = state + "/services/\(service)/scratch"
    return ((try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [])
      .filter { $0.hasSuffix(".db") }
  }

  /// The path of a published archive.
  func archive(_ name: String) -> String { "\(stage)/archives/\(name)" }

  static func loopback(port: UInt16) -> sockaddr_in {
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_port = port.bigEndian
    address.sin_addr.s_addr = inet_addr("127.0.0.1")
    return address
  }
}
