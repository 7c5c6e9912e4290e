import KubernetesFleet
import NIOCore
import NIOHTTP1
import NIOPosix
import WindlassSimulation
import WindlassWire

/// Serves a simulated API server over HTTP/1.1 on a socket.
///
/// Watches are sent in chunks as their events come. There is no TLS: who listens elsewhere than on
/// loopback puts something in front.
package struct HTTPFace: Sendable {
  private typealias Connection = NIOAsyncChannel<HTTPServerRequestPart, HTTPServerResponsePart>
  private typealias Listener = NIOAsyncChannel<Connection, Never>

  private let host: ClusterHost
  /// The token of whoever brings none; nil leaves him anonymous.
  private let guestToken: String?
  private let listener: Listener

  /// The largest body that a request may have; a real server's limit is 3 MiB.
  private static let bodySizeMax = 16 * 1_048_576

  /// Binds an address; port 0 takes one that is free.
  package init(
    _ host: ClusterHost, address: String = "127.0.0.1", port: Int = 0, guestToken: String? = nil
  ) async throws {
    self.host = host
    self.guestToken = guestToken
    listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .bind(host: address, port: port) { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline()
          return try Connection(wrappingChannelSynchronously: channel)
        }
      }
  }

  /// The port that is listened on.
  package var port: Int { listener.channel.localAddress?.port ?? 0 }

  /// Serves until the task is cancelled.
  package func run() async throws {
    try await listener.executeThenClose { connections in
      try await withThrowingDiscardingTaskGroup { group in
        for try await connection in connections {
          // A client that goes in mid-request is no failure of the server.
          group.addTask { try? await serve(connection) }
        }
      }
    }
  }

  // MARK: - One connection

  private func serve(_ connection: Connection) async throws {
    try await connection.executeThenClose { inbound, outbound in
      var head: HTTPRequestHead?
      var body: [UInt8] = []
      for try await part in inbound {
        switch part {
        case .head(let arrived):
          head = arrived
          body = []
        case .body(let piece):
          guard body.count + piece.readableBytes <= HTTPFace.bodySizeMax else { return }
          body += piece.readableBytesView
        case .end:
          guard let asked = head else { return }
          head = nil
          try await answer(asked, body, connection.channel, outbound)
          guard asked.isKeepAlive else { return }
        }
      }
    }
  }

  private func answer(
    _ head: HTTPRequestHead, _ body: [UInt8], _ channel: any Channel,
    _ outbound: NIOAsyncChannelOutboundWriter<HTTPServerResponsePart>
  ) async throws {
    if head.method == .GET, head.uri == RequestTally.path {
      let reply = HTTPResponseHead(version: .http1_1, status: .ok)
      return try await send(await host.tally.json.bytes, reply, head, outbound)
    }
    var headers = head.headers.map { HTTPHeader($0.name, $0.value) }
    if let guestToken, !head.headers.contains(name: "Authorization") {
      headers.append(HTTPHeader("Authorization", "Bearer \(guestToken)"))
    }
    let answer = await host.respond(
      to: APIRequest(
        method: head.method.rawValue, path: head.uri, headers: headers, body: body))
    if let loss = answer.loss {
      // Either way nothing is sent; a silent server keeps the connection, until its client goes.
      if loss == .silence { await departure(of: channel).wait(after: 0) }
      throw Broken()
    }
    var reply = HTTPResponseHead(
      version: .http1_1, status: HTTPResponseStatus(statusCode: answer.status))
    for header in answer.headers { reply.headers.add(name: header.name, value: header.value) }
    switch answer.body {
    case .json(let value): try await send(value.bytes, reply, head, outbound)
    case .text(let text): try await send(Array(text.utf8), reply, head, outbound)
    case .watch(let watch): try await stream(watch, reply, channel, outbound)
    }
  }

  private func send(
    _ body: [UInt8], _ reply: HTTPResponseHead, _ head: HTTPRequestHead,
    _ outbound: NIOAsyncChannelOutboundWriter<HTTPServerResponsePart>
  ) async throws {
    var reply = reply
    reply.headers.replaceOrAdd(name: "Content-Length", value: String(body.count))
    try await outbound.write(.head(reply))
    if head.method != .HEAD {
      try await outbound.write(.body(.byteBuffer(ByteBuffer(bytes: body))))
    }
    try await outbound.write(.end(nil))
  }

  /// Sends the events of a watch until it ends or its client goes.
  private func stream(
    _ watch: WatchIdentity, _ reply: HTTPResponseHead, _ channel: any Channel,
    _ outbound: NIOAsyncChannelOutboundWriter<HTTPServerResponsePart>
  ) async throws {
    var reply = reply
    reply.headers.replaceOrAdd(name: "Transfer-Encoding", value: "chunked")
    try await outbound.write(.head(reply))
    // Waiting for events would not notice that nobody wants them any more.
    let departure = departure(of: channel)
    let isWhole = await withTaskGroup(of: Bool.self) { group in
      group.addTask {
        await departure.wait(after: 0)
        return false
      }
      group.addTask { (try? await events(of: watch, outbound)) ?? false }
      let isWhole = await group.next() ?? false
      group.cancelAll()
      return isWhole
    }
    await host.close(watch)
    // The connection ends without the last chunk, so that the client sees that more was to come.
    guard isWhole else { throw Broken() }
    try await outbound.write(.end(nil))
  }

  /// Told when a connection is closed.
  private func departure(of channel: any Channel) -> Signal {
    let departure = Signal()
    channel.closeFuture.whenComplete { _ in departure.send() }
    return departure
  }

  /// Why a connection is not kept.
  private struct Broken: Error {}

  /// Sends events until the watch ends; false when it is cut.
  private func events(
    of watch: WatchIdentity, _ outbound: NIOAsyncChannelOutboundWriter<HTTPServerResponsePart>
  ) async throws -> Bool {
    while let report = await host.next(of: watch) {
      for piece in report.pieces {
        try await outbound.write(.body(.byteBuffer(ByteBuffer(bytes: piece))))
      }
      if report.isCut { return false }
      if report.ended != nil { return true }
    }
    return false
  }
}
