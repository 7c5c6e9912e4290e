import CLinux
import Glibc
import WindlassCore

/// Why a call on a UNIX socket failed.
struct SocketFailure: Error, Hashable {
  /// The error's number; 0 when no call failed.
  var number: Int32
  /// The rest of a sentence that begins with the socket's path.
  var reason: String

  /// The failure of the call made just before.
  static var last: SocketFailure {
    let number = errno
    return SocketFailure(number: number, reason: String(cString: strerror(number)))
  }
}

/// A UNIX socket that this value owns and closes; every call has a deadline.
final class UnixSocket: Sendable {
  let descriptor: Int32

  /// Takes over a descriptor, which must be non-blocking.
  init(owning descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  /// A socket that is neither bound nor connected.
  static func make() throws(SocketFailure) -> UnixSocket {
    let type =
      Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    let descriptor = socket(AF_UNIX, type, 0)
    guard descriptor >= 0 else { throw .last }
    return UnixSocket(owning: descriptor)
  }

  /// Makes the file, for this user alone, and listens.
  func listen(at path: String) throws(SocketFailure) {
    let bound = try UnixSocket.withAddress(path) { bind(descriptor, $0, $1) }
    guard bound == 0 else { throw .last }
    guard chmod(path, mode_t(0o600)) == 0 else { throw .last }
    guard Glibc.listen(descriptor, Int32(Bounds.controlConnectionsMax)) == 0 else { throw .last }
  }

  /// Connects to a socket's file.
  func connect(
    to path: String, until deadline: ContinuousClock.Instant
  ) throws(SocketFailure) {
    while true {
      let connected = try UnixSocket.withAddress(path) { Glibc.connect(descriptor, $0, $1) }
      if connected == 0 { return }
      // A UNIX socket connects at once, or says EAGAIN when the queue is full.
      guard errno == EAGAIN, .now < deadline else { throw .last }
      usleep(10_000)
    }
  }

  /// Takes a waiting connection; nil when none waits.
  func accept() throws(SocketFailure) -> UnixSocket? {
    let result = clinux_accept(descriptor)
    if result >= 0 { return UnixSocket(owning: result) }
    let number = -result
    switch number {
    case EAGAIN, EINTR, ECONNABORTED: return nil
    default: throw SocketFailure(number: number, reason: String(cString: strerror(number)))
    }
  }

  /// The user at the other end; nil when the kernel does not tell.
  var peer: UInt32? {
    var uid = uid_t()
    return clinux_peer_uid(descriptor, &uid) == 0 ? uid : nil
  }

  /// Reads up to a line's end, which is not part of the result.
  func readLine(
    sizeMax: Int, until deadline: ContinuousClock.Instant
  ) throws(SocketFailure) -> [UInt8] {
    var line: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      try wait(for: POLLIN, until: deadline)
      let count = read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EAGAIN || errno == EINTR { continue }
      guard count >= 0 else { throw .last }
      guard count > 0 else {
        throw SocketFailure(number: 0, reason: "the other side closed the connection")
      }
      if let end = chunk[..<count].firstIndex(of: UInt8(ascii: "\n")) {
        return line + chunk[..<end]
      }
      line += chunk[..<count]
      guard line.count <= sizeMax else {
        throw SocketFailure(number: 0, reason: "a line has more than \(sizeMax) bytes")
      }
    }
  }

  /// Writes all bytes.
  func write(
    _ bytes: [UInt8], until deadline: ContinuousClock.Instant
  ) throws(SocketFailure) {
    var offset = 0
    while offset < bytes.count {
      try wait(for: POLLOUT, until: deadline)
      let count = bytes[offset...].withUnsafeBytes {
        send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL))
      }
      if count < 0, errno == EAGAIN || errno == EINTR { continue }
      guard count > 0 else { throw .last }
      offset += count
    }
  }

  private func wait(
    for event: Int32, until deadline: ContinuousClock.Instant
  ) throws(SocketFailure) {
    while true {
      let left = deadline - .now
      guard left > .zero else {
        throw SocketFailure(number: ETIMEDOUT, reason: "no answer came in time")
      }
      let milliseconds = left.components.seconds * 1_000 + 1
      var poll = pollfd(fd: descriptor, events: Int16(event), revents: 0)
      let count = Glibc.poll(&poll, 1, Int32(clamping: milliseconds))
      if count > 0 { return }
      if count < 0, errno != EINTR { throw .last }
    }
  }

  private static func withAddress(
    _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) throws(SocketFailure) -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    let capacity = MemoryLayout.size(ofValue: address.sun_path)
    let bytes = Array(path.utf8)
    guard bytes.count < capacity, !bytes.contains(0) else {
      throw SocketFailure(
        number: ENAMETOOLONG,
        reason: "the path has \(bytes.count) bytes, and a socket's may have \(capacity - 1)")
    }
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
    let size = socklen_t(MemoryLayout<sockaddr_un>.size)
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { body($0, size) }
    }
  }
}
