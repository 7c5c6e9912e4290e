import NIOCore
import NIOPosix

/// A client of any manners: it sends what it is told, and reads until the server ends.
enum RawClient {
  private typealias Connection = NIOAsyncChannel<ByteBuffer, ByteBuffer>

  /// Sends the pieces one after the other and returns all that comes.
  static func send(_ pieces: String..., to port: Int) async throws -> String {
    let connection = try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .connect(host: "127.0.0.1", port: port) { channel in
        channel.eventLoop.makeCompletedFuture {
          try Connection(wrappingChannelSynchronously: channel)
        }
      }
    return try await connection.executeThenClose { inbound, outbound in
      var text = ""
      do {
        for piece in pieces { try await outbound.write(ByteBuffer(string: piece)) }
        for try await part in inbound { text += String(buffer: part) }
      } catch {
        // To be reset is an end as well.
      }
      return text
    }
  }

  /// Asks for one path, and returns the answer.
  static func get(_ path: String, _ port: Int, method: String = "GET") async throws -> RawReply {
    RawReply(try await send("\(method) \(path) HTTP/1.1\r\nHost: x\r\n\r\n", to: port))
  }

  /// Connects, and says nothing.
  static func connect(to port: Int) async throws -> any Channel {
    try await ClientBootstrap(group: .singletonMultiThreadedEventLoopGroup)
      .connect(host: "127.0.0.1", port: port).get()
  }
}

/// An answer, taken apart.
struct RawReply {
  /// The first line.
  var status = ""
  /// The header lines.
  var headers: [String] = []
  var body = ""

  init(_ text: String) {
    // Characters would take the end of a line for one.
    let bytes = Array(text.utf8)
    let blank = Array("\r\n\r\n".utf8)
    let end = bytes.indices.first { bytes[$0...].starts(with: blank) } ?? bytes.count
    let lines = String(decoding: bytes[..<end], as: UTF8.self).split(separator: "\r\n")
    status = lines.first.map(String.init) ?? ""
    headers = lines.dropFirst().map(String.init)
    body = String(decoding: bytes.dropFirst(end + blank.count), as: UTF8.self)
  }
}
