import CurlTransport
import Synchronization
import Testing
import WindlassContracts
import WindlassCore
import WindlassWire

/// The contract of a transport, over real sockets.
struct TransportContractTests {
  @Test(arguments: HTTPTransportContract.clauses)
  func `libcurl keeps the contract of a transport`(
    clause: HTTPTransportContract.Clause
  ) async throws {
    try await clause.check(CurlTransportSubject())
  }
}

/// libcurl, and a server of plain sockets.
final class CurlTransportSubject: HTTPTransportSubject {
  let transport: any HTTPTransport
  private let server: RawServer
  private let pages: Pages

  /// What is said to requests for each path.
  private final class Pages: Sendable {
    let conducts = Mutex<[String: PeerConduct]>([:])
  }

  init() throws {
    transport = try CurlTransport()
    let pages = Pages()
    self.pages = pages
    server = try RawServer { peer in
      while let request = peer.request() {
        let path = String(request.split(separator: " ")[1])
        guard let conduct = pages.conducts.withLock({ $0[path] }) else { return }
        guard Self.act(conduct, to: peer) else { return }
      }
    }
  }

  /// Answers one request; false when the connection is to be closed.
  private static func act(_ conduct: PeerConduct, to peer: Peer) -> Bool {
    switch conduct {
    case .replies(let reply):
      return peer.reply(status(reply), headers: headers(reply), body: reply.body)
    case .breaksOff(let reply, let end):
      let lines =
        ["HTTP/1.1 \(status(reply))"] + headers(reply)
        + ["Content-Length: \(reply.body.count)", "", ""]
      peer.send(Array(lines.joined(separator: "\r\n").utf8) + reply.body.prefix(end))
      return false
    case .goesOn:
      peer.send("HTTP/1.1 200 OK\r\n\r\n")
      while peer.send([UInt8](repeating: 0x61, count: 10_000)) {}
      return false
    case .staysSilent:
      peer.waitForClose()
      return false
    }
  }

  private static func status(_ reply: HTTPResponse) -> String { "\(reply.status) Text" }

  private static func headers(_ reply: HTTPResponse) -> [String] {
    reply.headers.map { "\($0.name): \($0.value)" }
  }

  func url(_ path: String) -> String { server.url(path) }

  // A port that is reserved for nobody and that no test binds.
  var deserted: String { "http://127.0.0.1:1/nobody" }

  func serve(_ path: String, _ conduct: PeerConduct) {
    pages.conducts.withLock { $0[path] = conduct }
  }

  var received: [String] {
    server.requests.map { $0.split(separator: " ").prefix(2).joined(separator: " ") }
  }

  func end() { server.stop() }
}
