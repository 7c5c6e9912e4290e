import NIOCore
import NIOHTTP1

/// One accepted connection: reads a request, answers it, and so on until it ends.
///
/// Confined to the server's event loop.
final class HTTPConnection: ChannelInboundHandler {
  typealias InboundIn = HTTPServerRequestPart
  typealias OutboundOut = HTTPServerResponsePart

  /// How long a client may take to close after the last reply; closing first, with bytes of the
  /// client unread, would reset the connection and might destroy the reply on its way.
  private static let lingering = TimeAmount.seconds(1)

  private enum Stage {
    case idle
    case receiving(IncomingRequest)
    case answering
    /// The last reply was sent, and the client is expected to close.
    case ending
  }

  private let server: Server
  /// Whether a client of the service is at the other end, and not a supervisor.
  let isPublic: Bool
  private var stage = Stage.idle
  private var isInputClosed = false
  private var context: ChannelHandlerContext?

  init(server: Server, isPublic: Bool) {
    self.server = server
    self.isPublic = isPublic
  }

  /// Whether a request was begun and its reply is not sent.
  var isBusy: Bool {
    switch stage {
    case .idle, .ending: false
    case .receiving, .answering: true
    }
  }

  /// Closes the connection at once, whatever it does.
  func abandon() { context?.close(promise: nil) }

  func handlerAdded(context: ChannelHandlerContext) { self.context = context }

  func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

  func channelRead(context: ChannelHandlerContext, data: NIOAny) {
    switch (HTTPConnection.unwrapInboundIn(data), stage) {
    case (.head(let head), .idle):
      stage = .receiving(IncomingRequest(head: head))
    case (.body(let buffer), .receiving(var request)):
      // The stage lets go of the request first, so that its body grows in place.
      stage = .idle
      request.receive(buffer.readableBytesView)
      stage = .receiving(request)
    case (.end, .receiving(let request)):
      stage = .answering
      answer(request, context)
    default:
      // Nothing is read after the last reply; the pipeline orders everything else.
      break
    }
  }

  func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
    if let event = event as? ChannelEvent, event == .inputClosed {
      isInputClosed = true
      // A client may close its side after the request and still read the reply.
      if case .answering = stage {} else { context.close(promise: nil) }
    }
    context.fireUserInboundEventTriggered(event)
  }

  func errorCaught(context: ChannelHandlerContext, error: any Error) {
    context.close(promise: nil)
  }

  private func answer(_ request: IncomingRequest, _ context: ChannelHandlerContext) {
    server.reply(to: request, isPublic: isPublic).assumeIsolated().whenSuccess { reply in
      self.send(reply, to: request, context)
    }
  }

  private func send(
    _ reply: Reply, to request: IncomingRequest, _ context: ChannelHandlerContext
  ) {
    let isLast = server.isDraining || isInputClosed || !request.head.isKeepAlive
    var headers = HTTPHeaders()
    headers.add(name: "Content-Type", value: "application/json")
    headers.add(name: "Content-Length", value: String(reply.body.count))
    headers.add(name: "Server", value: "beacon/\(server.release.name)")
    if let number = request.head.headers.first(name: "X-Request-ID") {
      headers.add(name: "X-Request-ID", value: number)
    }
    if isLast {
      headers.add(name: "Connection", value: "close")
    } else if request.head.version == .http1_0 {
      headers.add(name: "Connection", value: "keep-alive")
    }
    let head = HTTPResponseHead(version: .http1_1, status: reply.status, headers: headers)
    context.write(HTTPConnection.wrapOutboundOut(.head(head)), promise: nil)
    let body = context.channel.allocator.buffer(bytes: reply.body)
    context.write(HTTPConnection.wrapOutboundOut(.body(.byteBuffer(body))), promise: nil)
    stage = isLast ? .ending : .idle
    let written = context.eventLoop.makePromise(of: Void.self)
    written.futureResult.assumeIsolated().whenComplete { _ in
      if isLast { self.end(context) }
      self.server.replySent()
    }
    context.writeAndFlush(HTTPConnection.wrapOutboundOut(.end(nil)), promise: written)
  }

  private func end(_ context: ChannelHandlerContext) {
    guard !isInputClosed else { return context.close(promise: nil) }
    context.close(mode: .output, promise: nil)
    context.eventLoop.assumeIsolated().scheduleTask(in: HTTPConnection.lingering) {
      context.close(promise: nil)
    }
  }
}
