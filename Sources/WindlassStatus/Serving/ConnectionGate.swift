import NIOCore

/// Keeps one connection within its limits: whether it may be there, how much it sends, how long it
/// lasts.
///
/// Stands between the network and all that reads a request. Confined to the connection's event
/// loop.
final class ConnectionGate: ChannelDuplexHandler {
  typealias InboundIn = ByteBuffer
  typealias InboundOut = ByteBuffer
  typealias OutboundIn = IOData
  typealias OutboundOut = IOData

  private static let refusal =
    "HTTP/1.1 431 Request Header Fields Too Large\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"

  private let connections: OpenConnections
  private let limits: ServingLimits
  private var end: Scheduled<Void>?
  private var received = 0
  private var hasAnswered = false

  init(_ connections: OpenConnections, _ limits: ServingLimits) {
    self.connections = connections
    self.limits = limits
  }

  func channelActive(context: ChannelHandlerContext) {
    guard connections.enter() else { return context.close(promise: nil) }
    end = context.eventLoop.assumeIsolated().scheduleTask(in: limits.deadline) {
      context.close(promise: nil)
    }
    context.fireChannelActive()
  }

  func channelInactive(context: ChannelHandlerContext) {
    if let end {
      end.cancel()
      connections.leave()
    }
    end = nil
    context.fireChannelInactive()
  }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    received += ConnectionGate.unwrapInboundIn(data).readableBytes
    guard received > limits.requestSizeMax else { return context.fireChannelRead(data) }
    // What comes behind an answer is nobody's; the client closes, or time does.
    guard !hasAnswered else { return }
    hasAnswered = true
    let refusal = context.channel.allocator.buffer(string: Self.refusal)
    context.writeAndFlush(ConnectionGate.wrapOutboundOut(.byteBuffer(refusal)), promise: nil)
    // To close with bytes of the client unread would reset the connection, and might destroy the
    // answer on its way.
    context.close(mode: .output, promise: nil)
  }

  func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
    hasAnswered = true
    context.write(data, promise: promise)
  }
}
