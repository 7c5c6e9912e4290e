import Glibc

/// One connection of the file server; it belongs to the server's thread.
final class FileConnection {
  /// The head of a request, as far as it matters.
  struct Head {
    var method: String
    var path: String
    /// What `If-None-Match` says.
    var knownTag: String?
    var closes: Bool
  }

  /// Bytes of a request's head; a longer one ends the connection.
  private static let headSizeMax = 16_384

  private let descriptor: CInt
  private var input: [UInt8] = []
  private var output: ArraySlice<UInt8> = []
  private var closesAfterOutput = false
  private(set) var isEnded = false

  /// Takes over an accepted connection.
  init(_ descriptor: CInt) {
    self.descriptor = descriptor
    _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
  }

  deinit { close(descriptor) }

  /// What it waits for: room to write while there is something to write, else a request.
  var wait: pollfd {
    let events = output.isEmpty ? POLLIN : POLLOUT
    return pollfd(fd: descriptor, events: Int16(events), revents: 0)
  }

  /// Goes on after its wait is over, answering with `reply`.
  func proceed(_ reply: (Head) -> [UInt8]) {
    if output.isEmpty { receive() } else { send() }
    let blank = Array("\r\n\r\n".utf8)
    while !isEnded, output.isEmpty, let end = input.firstIndex(ofSequence: blank) {
      guard let head = FileConnection.head(input[..<end]) else {
        isEnded = true
        return
      }
      input.removeFirst(end + blank.count)
      closesAfterOutput = head.closes
      output = reply(head)[...]
      send()
    }
    if input.count > FileConnection.headSizeMax { isEnded = true }
  }

  private func receive() {
    var chunk = [UInt8](repeating: 0, count: 4_096)
    let count = recv(descriptor, &chunk, chunk.count, 0)
    if count > 0 {
      input += chunk[..<count]
    } else if count == 0 || (errno != EAGAIN && errno != EINTR) {
      isEnded = true
    }
  }

  private func send() {
    while !output.isEmpty {
      let count = output.withUnsafeBytes {
        Glibc.send(descriptor, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL))
      }
      if count < 0, errno == EAGAIN || errno == EINTR { return }
      guard count > 0 else {
        isEnded = true
        return
      }
      output = output.dropFirst(count)
    }
    output = []
    if closesAfterOutput { isEnded = true }
  }

  private static func head(_ bytes: ArraySlice<UInt8>) -> Head? {
    let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\r\n")
    let words = (lines.first ?? "").split(separator: " ")
    guard words.count == 3, words[2].hasPrefix("HTTP/1.") else { return nil }
    var head = Head(
      method: String(words[0]), path: String(words[1]), closes: words[2] == "HTTP/1.0")
    for line in lines.dropFirst() {
      guard let colon = line.firstIndex(of: ":") else { return nil }
      let value = line[line.index(after: colon)...].drop { $0 == " " }
      switch line[..<colon].lowercased() {
      case "if-none-match": head.knownTag = String(value)
      case "connection": head.closes = value.lowercased() == "close"
      default: break
      }
    }
    return head
  }
}
