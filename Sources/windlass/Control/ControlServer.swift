import Dispatch
import Glibc
import ServiceLifecycle
import WindlassCore
import WindlassWire

/// Answers the command line over a UNIX socket in the state directory.
///
/// Only this user and root may ask. A connection carries one request and one answer, a line each;
/// one that sends nothing is dropped after a while, and never holds up another.
final class ControlServer: Service {
  /// The daemon's side: what a request leads to.
  typealias Answering = @Sendable (ControlRequest) async -> ControlResponse

  private let path: String
  private let listener: UnixSocket
  private let handler: Answering
  /// Where connections are read and written, which may wait for the other side.
  private let queue = DispatchQueue(label: "windlass.control", attributes: .concurrent)

  /// Binds the socket; the caller holds the lock of the state directory, so that a file left there
  /// is nobody's.
  init(path: String, handler: @escaping Answering) throws(CommandFailure) {
    self.path = path
    self.handler = handler
    do throws(SocketFailure) {
      listener = try UnixSocket.make()
      unlink(path)
      try listener.listen(at: path)
    } catch {
      throw CommandFailure(
        .failed, "ControlSocketFailed",
        "The control socket \(path) can't be made: \(error.reason). Check the state directory's "
          + "permissions and the length of its path, or choose another with --state.")
    }
  }

  /// Serves until it is cancelled or the daemon stops gracefully; the last answers are still given.
  func run() async throws {
    let (connections, continuation) = AsyncStream.makeStream(
      of: UnixSocket.self, bufferingPolicy: .bufferingOldest(Bounds.controlConnectionsMax))
    let source = source(continuation)
    await withGracefulShutdownHandler {
      await withTaskGroup(of: Void.self) { group in
        var served = 0
        for await connection in connections {
          if served >= Bounds.controlServedMax { await group.next() }
          group.addTask { await self.serve(connection) }
          served += 1
        }
      }
    } onGracefulShutdown: {
      continuation.finish()
    }
    source.cancel()
    unlink(path)
  }

  /// Takes connections as they come; one beyond the bound is closed unanswered.
  private func source(
    _ continuation: AsyncStream<UnixSocket>.Continuation
  ) -> any DispatchSourceRead {
    let listener = listener
    let source = DispatchSource.makeReadSource(fileDescriptor: listener.descriptor, queue: queue)
    source.setEventHandler {
      do throws(SocketFailure) {
        while let connection = try listener.accept() { continuation.yield(connection) }
      } catch {
        // Out of descriptors or memory: the connection stays in the queue, and the source asks
        // again at once, so give others time to free some.
        usleep(100_000)
      }
    }
    // The descriptor stays open until the source has let go of it.
    source.setCancelHandler { withExtendedLifetime(listener) {} }
    source.activate()
    return source
  }

  private func serve(_ connection: UnixSocket) async {
    guard let peer = connection.peer, peer == geteuid() || peer == 0 else { return }
    let response: ControlResponse
    switch await read(connection) {
    case .success(var request):
      request.peer = peer
      response = await handler(request)
    case .failure(let error):
      response = ControlResponse(
        status: .usage, message: "The daemon did not understand: \(error.message).", body: .null)
    case nil:
      return
    }
    await write(response, to: connection)
  }

  /// The request; nil when the other side went away or sent nothing.
  private func read(
    _ connection: UnixSocket
  ) async -> Result<ControlRequest, ControlProtocolError>? {
    await onQueue {
      do throws(SocketFailure) {
        let line = try connection.readLine(
          sizeMax: Bounds.controlMessageMax, until: .now + .controlLine)
        return Result { () throws(ControlProtocolError) in try ControlProtocol.request(line) }
      } catch {
        return nil
      }
    }
  }

  private func write(_ response: ControlResponse, to connection: UnixSocket) async {
    await onQueue {
      // A reader that went away has no use for the answer.
      try? connection.write(ControlProtocol.line(response), until: .now + .controlLine)
    }
  }

  private func onQueue<Value: Sendable>(
    _ body: @escaping @Sendable () -> Value
  ) async -> Value {
    await withCheckedContinuation { continuation in
      queue.async { continuation.resume(returning: body()) }
    }
  }
}

extension Duration {
  /// Time for one line of the control socket.
  fileprivate static let controlLine = Duration.milliseconds(
    Bounds.controlLineTimeout.milliseconds)
}
