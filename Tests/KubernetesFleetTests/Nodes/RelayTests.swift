import Foundation
import Glibc
import Testing

@testable import KubernetesFleet
@testable import SimulatedCluster

/// Connections through a relay, over real sockets.
struct RelayTests {
  /// An address of the test's own, for tests run side by side.
  private let address = "127.\(UInt8.random(in: 160...199)).\(UInt8.random(in: 0...255)).1"

  @Test func `all bytes of both ways arrive, and each end learns that no more come`() async throws {
    let bytes = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 9) }
    let echo = try #require(SocketPlace(address, 8_081)?.listen())
    defer { close(echo) }
    let route = Route([Route.Target(address: address, port: 8_081)])
    try await Self.relaying(address, route) { client in
      let answer = await Self.blocking { () -> [UInt8] in
        let server = Self.wait(for: echo, POLLIN) ? accept(echo, nil, nil) : -1
        defer { close(server) }
        // It is echoed once all of it has come: the relay must hold what has no room.
        let sender = Thread { Self.send(bytes, client) }
        sender.start()
        Self.send(Self.receive(server), server)
        return Self.receive(client)
      }
      #expect(answer == bytes)
    }
  }

  @Test func `a connection that leads nowhere is closed`() async throws {
    let refusing = Route([Route.Target(address: address, port: 8_082)])
    for route in [Route([]), refusing] {
      try await Self.relaying(address, route) { client in
        #expect(await Self.blocking { Self.receive(client) }.isEmpty)
      }
    }
  }

  /// Lends a connection through a relay; that nobody listens there any more is seen at the end.
  private static func relaying(
    _ address: String, _ route: Route, _ body: (CInt) async throws -> Void
  ) async throws {
    let place = try #require(SocketPlace(address, 8_080))
    try await withThrowingTaskGroup(of: Void.self) { group in
      group.addTask { await Relay(address, 8_080, route).run() }
      var client: CInt?
      while client == nil {
        client = connected(to: place)
        if client == nil { await Task.yield() }
      }
      let connection = try #require(client)
      defer { close(connection) }
      try await body(connection)
      route.close()
      try await group.waitForAll()
    }
    #expect(connected(to: place) == nil)
  }

  private static func connected(to place: SocketPlace) -> CInt? {
    guard let client = place.connect() else { return nil }
    var failure: CInt = 0
    var size = socklen_t(MemoryLayout<CInt>.size)
    guard wait(for: client, POLLOUT),
      getsockopt(client, SOL_SOCKET, SO_ERROR, &failure, &size) == 0, failure == 0
    else {
      close(client)
      return nil
    }
    return client
  }

  // MARK: - Calls that block

  private static func blocking<Result: Sendable>(
    _ body: @escaping @Sendable () -> Result
  ) async -> Result {
    await withCheckedContinuation { continuation in
      Thread { continuation.resume(returning: body()) }.start()
    }
  }

  private static func wait(for descriptor: CInt, _ events: Int32) -> Bool {
    var entry = pollfd(fd: descriptor, events: Int16(events), revents: 0)
    return poll(&entry, 1, 60_000) == 1
  }

  /// Sends everything, and tells the other end that it is all.
  private static func send(_ bytes: [UInt8], _ descriptor: CInt) {
    var rest = bytes[...]
    while !rest.isEmpty, wait(for: descriptor, POLLOUT) {
      let count = rest.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
      }
      if count < 0, errno != EAGAIN { return }
      rest = rest.dropFirst(max(count, 0))
    }
    shutdown(descriptor, CInt(SHUT_WR))
  }

  /// Everything up to the end.
  private static func receive(_ descriptor: CInt) -> [UInt8] {
    var received: [UInt8] = []
    var piece = [UInt8](repeating: 0, count: 100_000)
    while wait(for: descriptor, POLLIN) {
      let count = recv(descriptor, &piece, piece.count, 0)
      if count == 0 { break }
      if count < 0, errno != EAGAIN { break }
      received += piece.prefix(max(count, 0))
    }
    return received
  }
}
