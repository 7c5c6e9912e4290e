import Glibc
import WindlassCore
import WindlassSchema

/// A dump on its way into a client program, without the definers of its objects.
final class ClientFeed {
  /// Where this process writes; closed with the value.
  let ownEnd: Int32
  /// What the program reads; closed when it has begun.
  private(set) var childEnd: Int32
  private let path: String
  private let file: Int32
  private var filter = DefinerFilter()
  private var pending: [UInt8] = []
  private var isAtEnd = false

  /// Opens the dump.
  init(_ path: String) throws(StepFailure) {
    self.path = path
    let descriptor = open(path, O_RDONLY | O_CLOEXEC)
    var ends: [Int32] = [-1, -1]
    // A socket and no pipe: writing to a program that has ended is an error, and no signal.
    let kind = Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue)
    guard descriptor >= 0, socketpair(AF_UNIX, kind, 0, &ends) == 0 else {
      let reason = SystemError.text(errno)
      if descriptor >= 0 { close(descriptor) }
      throw StepFailure(
        code: "FileUnusable", disposition: .stop,
        message: "\(path) can't be handed to a client program: \(reason). Check the file, then try"
          + " again.")
    }
    file = descriptor
    (ownEnd, childEnd) = (ends[0], ends[1])
    _ = fcntl(ownEnd, F_SETFL, O_NONBLOCK)
  }

  deinit {
    close(ownEnd)
    close(file)
    began()
  }

  /// Says that the program has its own copy of its end.
  func began() {
    if childEnd >= 0 { close(childEnd) }
    childEnd = -1
  }

  /// Writes as much as the program takes now; false when nothing is left, or nobody reads.
  func write() throws(StepFailure) -> Bool {
    if pending.isEmpty {
      guard !isAtEnd else { return false }
      var chunk = [UInt8](repeating: 0, count: 1 << 18)
      let count = read(file, &chunk, chunk.count)
      if count < 0, errno == EINTR { return true }
      guard count >= 0 else {
        throw StepFailure(
          code: "FileUnusable", disposition: .stop,
          message: "\(path) can't be read: \(SystemError.text(errno)). Check the disk, then try"
            + " again.")
      }
      isAtEnd = count == 0
      pending = isAtEnd ? filter.end() : filter.pass(chunk[..<count])
    }
    let count = send(ownEnd, pending, pending.count, Int32(MSG_NOSIGNAL))
    guard count >= 0 else { return errno == EAGAIN || errno == EINTR }
    pending.removeFirst(count)
    return true
  }
}
