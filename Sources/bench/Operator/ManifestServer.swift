import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// Serves files from memory over HTTP/1.1 on loopback, each with a tag, and answers "not modified"
/// to whoever has the tag.
final class ManifestServer: Sendable {
  private typealias Connection = NIOAsyncChannel<HTTPServerRequestPart, HTTPServerResponsePart>

  private let listener: NIOAsyncChannel<Connection, Never>
  private let files = Mutex<[String: (bytes: [UInt8], tag: String)]>([:])
  private let count = Mutex(0)

  /// Binds a free port.
  init() async throws {
    listener = try await ServerBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .bind(host: "127.0.0.1", port: 0) { channel in
        channel.eventLoop.makeCompletedFuture {
          try channel.pipeline.syncOperations.configureHTTPServerPipeline()
          return try Connection(wrappingChannelSynchronously: channel)
        }
      }
  }

  /// Where it serves.
  var url: String { "http://127.0.0.1:\(listener.channel.localAddress?.port ?? 0)" }

  /// Requests that were answered so far.
  var requestCount: Int { count.withLock { $0 } }

  /// Takes over files by their paths; others stay.
  func publish(_ new: [String: [UInt8]], version: Int) {
    files.withLock { files in
      for (path, bytes) in new { files[path] = (bytes, "\"\(version)\"") }
    }
  }

  /// Serves until the task is cancelled.
  func run() async throws {
    try await listener.executeThenClose { connections in
      try await withThrowingDiscardingTaskGroup { group in
        for try await connection in connections {
          // A client that goes is no failure of the server.
          group.addTask { try? await self.serve(connection) }
        }
      }
    }
  }

  private func serve(_ connection: Connection) async throws {
    try await connection.executeThenClose { inbound, outbound in
      for try await part in inbound {
        guard case .head(let head) = part else { continue }
        count.withLock { $0 += 1 }
        let file = files.withLock { $0[head.uri] }
        var reply = HTTPResponseHead(version: .http1_1, status: file == nil ? .notFound : .ok)
        if let file { reply.headers.add(name: "ETag", value: file.tag) }
        if let file, head.headers.first(name: "If-None-Match") == file.tag {
          reply.status = .notModified
          try await outbound.write(.head(reply))
        } else {
          let bytes = file?.bytes ?? []
          reply.headers.add(name: "Content-Length", value: String(bytes.count))
          try await outbound.write(.head(reply))
          try await outbound.write(.body(.byteBuffer(ByteBuffer(bytes: bytes))))
        }
        try await outbound.write(.end(nil))
      }
    }
  }
}
