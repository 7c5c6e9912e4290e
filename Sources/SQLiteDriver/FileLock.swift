import Glibc
package import WindlassCore

/// An exclusive lock between processes: `flock` on a file of its own, which dies with its holder.
///
/// The file stays; removing it would let two processes lock two files of one name.
package struct FileLock: ~Copyable {
  private let descriptor: Int32

  /// Takes the lock, or fails at once while another holder has it.
  ///
  /// - Throws: `LockNotObtained` with `.retry` when it is held.
  package init(path: String, purpose: String) throws(StepFailure) {
    let descriptor = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else {
      throw StepFailure(
        code: "LockFileUnusable", disposition: .stop,
        message: "The lock file \(path) can't be opened: \(SystemError.text(errno)). Give this"
          + " user write permission on its directory.")
    }
    var result: Int32
    repeat { result = flock(descriptor, LOCK_EX | LOCK_NB) } while result != 0 && errno == EINTR
    guard result == 0 else {
      close(descriptor)
      throw StepFailure(
        code: "LockNotObtained", disposition: .retry,
        message: "Another Windlass process holds \(path) to \(purpose). Nothing was changed. Wait"
          + " until it ends (`fuser \(path)` names it), then try again.")
    }
    self.descriptor = descriptor
  }

  deinit { close(descriptor) }
}

/// The system's words for an error number.
enum SystemError {
  /// The text of `errno`.
  static func text(_ number: Int32) -> String { String(cString: strerror(number)) }
}
