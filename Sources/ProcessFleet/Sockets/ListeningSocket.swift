import CLinux
import Glibc

/// A TCP socket that listens.
struct ListeningSocket: Sendable {
  /// The open socket.
  let descriptor: Descriptor
  /// Where it listens, with the port that the kernel chose.
  let address: SocketAddress
  /// What `/proc/PID/fd` calls it, the same in every process that holds it.
  let inode: UInt64

  /// Takes over a socket; fails when it is not a bound socket.
  init(_ descriptor: Descriptor) throws(SystemError) {
    guard let address = SocketAddress.bound(to: descriptor.number) else {
      throw SystemError("getsockname")
    }
    self.descriptor = descriptor
    self.address = address
    self.inode = try FileStatus(descriptor).identity.inode
  }

  /// Binds and listens. `SO_REUSEADDR` lets it start beside connections that are still closing;
  /// `SO_REUSEPORT` is never set, because closing such a socket resets what waits in its queue.
  static func bind(
    to address: SocketAddress, backlog: Int32
  ) throws(SystemError) -> ListeningSocket {
    let type = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    let descriptor = try Descriptor.checked(
      socket(address.family, type, 0), "socket", address.description)
    var yes: Int32 = 1
    let size = socklen_t(MemoryLayout<Int32>.size)
    guard setsockopt(descriptor.number, SOL_SOCKET, SO_REUSEADDR, &yes, size) == 0 else {
      throw SystemError("setsockopt", address.description)
    }
    let bound = address.withSocketAddress { Glibc.bind(descriptor.number, $0, $1) }
    guard bound == 0 else { throw SystemError("bind", address.description) }
    guard listen(descriptor.number, backlog) == 0 else {
      throw SystemError("listen", address.description)
    }
    return try ListeningSocket(descriptor)
  }

  /// Whether connections are accepted into its queue.
  var isListening: Bool {
    var value: Int32 = 0
    var size = socklen_t(MemoryLayout<Int32>.size)
    let result = getsockopt(descriptor.number, SOL_SOCKET, SO_ACCEPTCONN, &value, &size)
    return result == 0 && value != 0
  }

  /// Sets the length of the queue again, which any holder may have changed by calling `listen`
  /// itself, and makes a socket that one of them shut down listen anew.
  func listenAgain(backlog: Int32) throws(SystemError) {
    guard listen(descriptor.number, backlog) == 0 else {
      throw SystemError("listen", address.description)
    }
  }

  /// Gets this very socket out of another process that holds it.
  ///
  /// - Throws: `ESRCH` when the process does not hold it; `EPERM` when the kernel forbids it.
  static func take(
    inode: UInt64, from pid: Int32, pidfd: Descriptor
  ) throws(SystemError) -> ListeningSocket {
    let name = "socket:[\(inode)]"
    guard let number = ProcessTable.openFiles(of: pid).first(where: { $0.target == name })?.number
    else { throw SystemError("pidfd_getfd", "of pid \(pid)", number: ESRCH) }
    return try take(number: number, inode: inode, from: pid, pidfd: pidfd)
  }

  private static func take(
    number: Int32, inode: UInt64, from pid: Int32, pidfd: Descriptor
  ) throws(SystemError) -> ListeningSocket {
    let result = clinux_pidfd_getfd(pidfd.number, number)
    guard result >= 0 else { throw SystemError("pidfd_getfd", "of pid \(pid)", result: result) }
    let socket = try ListeningSocket(Descriptor(owning: result))
    // The process may have closed and reused the number since it was looked up.
    guard socket.inode == inode else {
      throw SystemError("pidfd_getfd", "of pid \(pid)", number: ESRCH)
    }
    return socket
  }
}
