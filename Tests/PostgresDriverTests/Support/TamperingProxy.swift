import Foundation
import Glibc
import PostgresDriver
import Synchronization

/// Stands between a client and the shared server, and changes what the server says.
final class TamperingProxy: Sendable {
  /// What it does.
  enum Mode: Sendable {
    /// The reply to a COMMIT is swallowed, with what comes behind it, and the connection is closed;
    /// which one is counted from one.
    case losesCommitReply(Int)
    /// The server process's number is not the server's own, as behind a pooler.
    case forgesProcess
    /// What the first client sends at that time, counted from one, waits for `letGo`.
    case holds(Int)
  }

  let directory: String
  private let server: String
  private let mode: Mode
  private let hasLost = Mutex(false)
  private let requests = Mutex(0)
  private let commits = Mutex(0)
  private let held = AsyncStream.makeStream(of: Void.self)
  private let permit = DispatchSemaphore(value: 0)
  private let listener: Int32

  init(_ mode: Mode, before server: PostgresServer) throws {
    self.mode = mode
    self.server = server.directory
    directory = "/tmp/windlass-proxy-\(UInt32.random(in: .min ... .max))"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    let bound = Self.withAddress("\(directory)/.s.PGSQL.5432") { [listener] in
      bind(listener, $0, $1)
    }
    guard bound == 0, listen(listener, 16) == 0 else { throw CocoaError(.fileWriteUnknown) }
    Thread.detachNewThread { [self] in accept() }
  }

  /// Stops taking connections and removes the directory.
  func close() {
    shutdown(listener, Int32(SHUT_RDWR))
    // A directory that stays behind harms no test.
    try? FileManager.default.removeItem(atPath: directory)
  }

  /// The same database through this proxy.
  func url(of url: PostgresURL) throws -> PostgresURL {
    try PostgresURL("postgres://windlass@/\(url.database)?host=\(directory)")
  }

  /// Whether a reply was swallowed.
  var hasLostReply: Bool { hasLost.withLock { $0 } }

  private func accept() {
    while true {
      let client = Glibc.accept(listener, nil, nil)
      guard client >= 0 else { return }
      let upstream = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
      let connected = Self.withAddress("\(server)/.s.PGSQL.5432") { connect(upstream, $0, $1) }
      guard connected == 0 else { return }
      Thread.detachNewThread { [self] in
        relay(client, upstream)
        _ = Glibc.close(client)
        _ = Glibc.close(upstream)
      }
    }
  }

  private func relay(_ client: Int32, _ upstream: Int32) {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      var entries = [
        pollfd(fd: client, events: Int16(POLLIN), revents: 0),
        pollfd(fd: upstream, events: Int16(POLLIN), revents: 0),
      ]
      guard poll(&entries, 2, -1) > 0 else { return }
      for (index, entry) in entries.enumerated() where entry.revents != 0 {
        let count = read(entry.fd, &buffer, buffer.count)
        guard count > 0 else { return }
        var bytes = Array(buffer[..<count])
        if index == 0 { holdBack() }
        let isLast = index == 1 && tamper(&bytes)
        guard write(index == 0 ? upstream : client, bytes, bytes.count) == bytes.count else {
          return
        }
        if isLast { return }
      }
    }
  }

  /// Waits until something is held back; false when the client is done without.
  func isHolding(_ client: Task<some Sendable, any Error>) async -> Bool {
    let sink = held.continuation
    Task {
      _ = await client.result
      sink.finish()
    }
    return await held.stream.first { true } != nil
  }

  /// Lets what is held back reach the server.
  func letGo() { permit.signal() }

  private func holdBack() {
    guard case .holds(let number) = mode else { return }
    let count = requests.withLock { requests in
      requests += 1
      return requests
    }
    guard count == number else { return }
    held.continuation.yield()
    permit.wait()
  }

  /// Changes what the server said; true when the connection is to be closed instead.
  private func tamper(_ bytes: inout [UInt8]) -> Bool {
    switch mode {
    case .losesCommitReply(let number):
      let reply: [UInt8] = [0x43, 0, 0, 0, 11] + Array("COMMIT\0".utf8)
      let places = bytes.indices.filter { bytes[$0...].starts(with: reply) }
      let before = commits.withLock { commits in
        defer { commits += places.count }
        return commits
      }
      guard before < number, before + places.count >= number else { return false }
      // What came before it reaches the client.
      bytes = Array(bytes[..<places[number - before - 1]])
      hasLost.withLock { $0 = true }
      return true
    case .forgesProcess:
      let mark: [UInt8] = [0x4B, 0, 0, 0, 12]
      if let place = bytes.indices.first(where: { bytes[$0...].starts(with: mark) }),
        place + 8 < bytes.count
      {
        bytes[place + 8] &+= 1
      }
      return false
    case .holds: return false
    }
  }

  private static func withAddress(
    _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }
}
