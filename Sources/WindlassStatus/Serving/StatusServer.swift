import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix

/// Answers whoever asks how a daemon is, by HTTP/1.1: `/livez`, `/readyz` and `/metrics`; and
/// whoever owns a roll, at `/gate`.
///
/// One thread reads and writes; what is answered is made on the shared pool, so that one that is
/// stuck is seen by no answer coming. There is no TLS and nobody is asked who he is: what is told
/// holds no secret, and a network's policy says who may ask.
package enum StatusServer {
  /// Clients that wait to be looked at.
  private static let backlog: CInt = 64

  /// Serves while work goes on, and not any longer.
  ///
  /// - Parameter work: Is given the port that is listened on.
  /// - Throws: `ListenFailure` when the address can't be listened on, before the work is begun; and
  ///   what the work throws.
  package static func serve<Value: Sendable>(
    _ source: some StatusSource, at address: ListenAddress, limits: ServingLimits = .usual,
    while work: (_ port: Int) async throws -> Value
  ) async throws -> Value {
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let (questions, asking) = AsyncStream.makeStream(of: Question.self)
    let outcome = await withTaskGroup(of: Void.self) { answering in
      answering.addTask { await answer(questions, from: source) }
      let outcome: Result<Value, any Error>
      do {
        let listener = try await listen(at: address, asking, limits, group)
        do {
          outcome = .success(try await work(listener.localAddress?.port ?? 0))
        } catch {
          outcome = .failure(error)
        }
        // First of all, so that the port is free for whoever comes next. It is closed by then or is
        // about to be.
        try? await listener.close()
      } catch {
        outcome = .failure(error)
      }
      answering.cancelAll()
      return outcome
    }
    // Nobody answers any more. This ends the listener and all connections, and can fail only when
    // it is done twice.
    try? await group.shutdownGracefully()
    return try outcome.get()
  }

  /// Answers what is asked, each question by itself, until the task is cancelled.
  private static func answer(
    _ questions: AsyncStream<Question>, from source: some StatusSource
  ) async {
    await withDiscardingTaskGroup { group in
      for await question in questions {
        group.addTask {
          question.answer(await StatusReply(to: question.method, question.target, from: source))
        }
      }
    }
  }

  private static func listen(
    at address: ListenAddress, _ questions: AsyncStream<Question>.Continuation,
    _ limits: ServingLimits, _ group: MultiThreadedEventLoopGroup
  ) async throws -> any Channel {
    let connections = OpenConnections(most: limits.connectionsMax)
    let bootstrap = ServerBootstrap(group: group)
      .serverChannelOption(.backlog, value: backlog)
      .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
      .childChannelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.addHandlers([
            ConnectionGate(connections, limits), HTTPResponseEncoder(),
            ByteToMessageHandler(HTTPRequestDecoder()), StatusConnection(questions),
          ])
        }
      }
    var failure: (any Error)?
    for host in address.hosts {
      do {
        return try await bootstrap.bind(host: host, port: address.port).get()
      } catch {
        failure = error
        // Only where the machine has no such address is another one tried.
        let code = (error as? IOError)?.errnoCode
        guard code == EAFNOSUPPORT || code == EADDRNOTAVAIL else { break }
      }
    }
    throw ListenFailure(address, failure)
  }
}

/// Why an address can't be listened on.
package struct ListenFailure: Error, Hashable, CustomStringConvertible {
  package let address: ListenAddress
  /// What is wrong, as the rest of a sentence that begins with the address.
  package let reason: String

  init(_ address: ListenAddress, _ error: (any Error)?) {
    self.address = address
    switch (error as? IOError)?.errnoCode {
    case EADDRINUSE: reason = "is taken: another process listens there"
    case EACCES: reason = "may not be listened on by this user"
    case EADDRNOTAVAIL, EAFNOSUPPORT: reason = "is no address of this machine"
    default: reason = "can't be listened on (\(error.map { "\($0)" } ?? "no address"))"
    }
  }

  /// One sentence with the address.
  package var description: String { "\(address) \(reason)" }
}
