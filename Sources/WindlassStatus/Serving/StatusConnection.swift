import NIOCore
import NIOHTTP1

/// Answers the first request of a connection, which is its last.
///
/// Confined to the connection's event loop.
final class StatusConnection: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  private let questions: AsyncStream<Question>.Continuation
  private var hasAsked = false

  /// - Parameter questions: To whoever answers them.
  init(_ questions: AsyncStream<Question>.Continuation) { self.questions = questions }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    // No body means anything, and no second request.
    guard case .head(let head) = StatusConnection.unwrapInboundIn(data), !hasAsked else { return }
    hasAsked = true
    let loop = context.eventLoop
    let here = NIOLoopBound((self, context), eventLoop: loop)
    questions.yield(
      Question(method: head.method.rawValue, target: head.uri) { reply in
        loop.execute {
          let (connection, context) = here.value
          connection.send(reply, to: head.method, context)
        }
      })
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    guard error is HTTPParserError, !hasAsked else { return context.close(promise: nil) }
    hasAsked = true
    var head = HTTPResponseHead(version: .http1_1, status: .badRequest)
    head.headers.add(name: "Content-Length", value: "0")
    head.headers.add(name: "Connection", value: "close")
    context.write(StatusConnection.wrapOutboundOut(.head(head)), promise: nil)
    end(context)
  }

  private func send(
    _ reply: StatusReply, to method: HTTPMethod, _ context: ChannelHandlerContext
  ) {
    let body = context.channel.allocator.buffer(string: reply.body)
    var head = HTTPResponseHead(
      version: .http1_1, status: HTTPResponseStatus(statusCode: reply.status))
    head.headers.add(name: "Content-Type", value: reply.mediaType)
    head.headers.add(name: "Content-Length", value: "\(body.readableBytes)")
    head.headers.add(name: "Cache-Control", value: "no-store")
    head.headers.add(name: "X-Content-Type-Options", value: "nosniff")
    head.headers.add(name: "Connection", value: "close")
    if let allowed = reply.allowed { head.headers.add(name: "Allow", value: allowed) }
    context.write(StatusConnection.wrapOutboundOut(.head(head)), promise: nil)
    if method != .HEAD {
      context.write(StatusConnection.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
    }
    end(context)
  }

  /// Ends the answer, and says that nothing comes behind it; the client closes, or time does.
  private func end(_ context: ChannelHandlerContext) {
    context.writeAndFlush(StatusConnection.wrapOutboundOut(.end(nil)), promise: nil)
    context.close(mode: .output, promise: nil)
  }
}
