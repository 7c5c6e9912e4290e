import KubernetesFleet
import NIOCore
import NIOPosix

/// Listens on one address and copies bytes between its clients and the targets of a route.
struct Relay: Sendable {
  private typealias Stream = NIOAsyncChannel<ByteBuffer, ByteBuffer>

  let address: String
  let port: Int
  let route: Route

  init(_ address: String, _ port: Int, _ route: Route) {
    self.address = address
    self.port = port
    self.route = route
  }

  /// Serves until the route is closed or the task is cancelled; an address that can't be had is
  /// tried again each second.
  func run() async {
    while !Task.isCancelled, !route.isClosed {
      guard let listener = try? await listen() else {
        // Cancellation ends the sleep, and the loop.
        try? await Task.sleep(for: .seconds(1))
        continue
      }
      await withTaskGroup(of: Void.self) { group in
        group.addTask { await serve(listener) }
        group.addTask { if !route.isClosed { await route.news.wait(after: 0) } }
        await group.next()
        group.cancelAll()
      }
    }
  }

  private func listen() async throws -> NIOAsyncChannel<Stream, Never> {
    try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .serverChannelOption(.backlog, value: 1_024)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelOption(.allowRemoteHalfClosure, value: true)
      .bind(host: address, port: port) { channel in
        channel.eventLoop.makeCompletedFuture { try Self.wrap(channel) }
      }
  }

  private static func wrap(_ channel: any Channel) throws -> Stream {
    try Stream(
      wrappingChannelSynchronously: channel,
      configuration: NIOAsyncChannel.Configuration(isOutboundHalfClosureEnabled: true))
  }

  private func serve(_ listener: NIOAsyncChannel<Stream, Never>) async {
    // The end of a connection, however it comes, is no failure of the listener.
    try? await listener.executeThenClose { clients in
      try await withThrowingDiscardingTaskGroup { group in
        for try await client in clients {
          group.addTask { try? await lead(client) }
        }
      }
    }
  }

  private func lead(_ client: Stream) async throws {
    try await client.executeThenClose { fromClient, toClient in
      guard let target = route.next() else { return }
      let server = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
        .channelOption(.allowRemoteHalfClosure, value: true)
        .connectTimeout(.seconds(5))
        .connect(host: target.address, port: target.port) { channel in
          channel.eventLoop.makeCompletedFuture { try Self.wrap(channel) }
        }
      try await server.executeThenClose { fromServer, toServer in
        try await withThrowingTaskGroup(of: Void.self) { group in
          group.addTask { try await Self.copy(fromClient, toServer) }
          group.addTask { try await Self.copy(fromServer, toClient) }
          try await group.waitForAll()
        }
      }
    }
  }

  private static func copy(
    _ source: NIOAsyncChannelInboundStream<ByteBuffer>,
    _ target: NIOAsyncChannelOutboundWriter<ByteBuffer>
  ) async throws {
    for try await piece in source { try await target.write(piece) }
    target.finish()
  }
}
