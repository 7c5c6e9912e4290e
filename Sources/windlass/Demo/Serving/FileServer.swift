import Glibc
import ReleaseFeeds
import Synchronization
import WindlassCore

/// A small HTTP server on a free port of 127.0.0.1, for the demo's manifests and archives.
///
/// It answers GET and HEAD with a length and an entity tag, honours `If-None-Match`, and keeps
/// connections open; one thread serves all of them.
final class FileServer: Sendable {
  /// What is served, by path.
  private struct Document: Sendable {
    var bytes: [UInt8]
    var tag: String
  }

  /// Connections served at once; more wait in the socket's queue.
  private static let connectionsMax = 64

  let port: UInt16
  private let listener: CInt
  private let wake: (read: CInt, write: CInt)
  private let documents = Mutex<[String: Document]>([:])
  private let thread = Mutex<PlainThread?>(nil)

  /// Starts to serve; there is nothing to be had yet.
  init() throws(CommandFailure) {
    var ends: [CInt] = [-1, -1]
    listener = socket(AF_INET, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0)
    var address = sockaddr_in()
    address.sin_family = sa_family_t(AF_INET)
    address.sin_addr.s_addr = in_addr_t(0x7f00_0001).bigEndian
    var size = socklen_t(MemoryLayout<sockaddr_in>.size)
    let isBound = withUnsafeMutablePointer(to: &address) { [listener] in
      $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        bind(listener, $0, size) == 0 && getsockname(listener, $0, &size) == 0
      }
    }
    guard isBound, listen(listener, 128) == 0, pipe(&ends) == 0 else {
      throw CommandFailure(
        .failed, "NoPort",
        "The server for the demo's files can't listen on 127.0.0.1: "
          + "\(String(cString: strerror(errno))). Check that loopback is up and run it again.")
    }
    for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
    wake = (ends[0], ends[1])
    port = UInt16(bigEndian: address.sin_port)
    let thread = try PlainThread("files") { self.serve() }
    self.thread.withLock { $0 = thread }
  }

  /// Where a document is served.
  func url(_ path: String) -> String { "http://127.0.0.1:\(port)\(path)" }

  /// Serves the bytes from now on, in place of what the path led to before.
  func publish(_ path: String, _ bytes: [UInt8]) {
    let document = Document(bytes: bytes, tag: "\"\(Sodium.sha256(bytes).text)\"")
    documents.withLock { $0[path] = document }
  }

  /// Ends the server and its connections.
  func stop() {
    var byte: UInt8 = 0
    // A full pipe holds a byte already, and so ends the thread as well.
    _ = write(wake.write, &byte, 1)
    thread.withLock { $0?.join() }
    for descriptor in [listener, wake.read, wake.write] { close(descriptor) }
  }

  private func serve() {
    var connections: [FileConnection] = []
    while true {
      var waits = [pollfd(fd: wake.read, events: Int16(POLLIN), revents: 0)]
      waits += connections.map(\.wait)
      if connections.count < FileServer.connectionsMax {
        waits.append(pollfd(fd: listener, events: Int16(POLLIN), revents: 0))
      }
      guard poll(&waits, nfds_t(waits.count), -1) >= 0 else { continue }
      guard waits[0].revents == 0 else { return }
      for (connection, wait) in zip(connections, waits.dropFirst()) where wait.revents != 0 {
        connection.proceed { self.reply(to: $0) }
      }
      connections.removeAll(where: \.isEnded)
      guard let last = waits.last, last.fd == listener, last.revents != 0 else { continue }
      let accepted = accept(listener, nil, nil)
      if accepted >= 0 { connections.append(FileConnection(accepted)) }
    }
  }

  /// The whole reply to a request's head.
  private func reply(to head: FileConnection.Head) -> [UInt8] {
    let close = head.closes ? "Connection: close\r\n" : ""
    guard head.method == "GET" || head.method == "HEAD" else {
      return Array("HTTP/1.1 405 Method Not Allowed\r\n\(close)Content-Length: 0\r\n\r\n".utf8)
    }
    guard let document = documents.withLock({ $0[head.path] }) else {
      return Array("HTTP/1.1 404 Not Found\r\n\(close)Content-Length: 0\r\n\r\n".utf8)
    }
    let tag = "ETag: \(document.tag)\r\n\(close)"
    guard head.knownTag != document.tag else {
      return Array("HTTP/1.1 304 Not Modified\r\n\(tag)\r\n".utf8)
    }
    let size = "Content-Length: \(document.bytes.count)\r\n"
    let start = Array("HTTP/1.1 200 OK\r\n\(tag)\(size)\r\n".utf8)
    return head.method == "HEAD" ? start : start + document.bytes
  }
}
