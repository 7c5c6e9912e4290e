import Glibc
package import WindlassCore

/// An exclusive lock between processes: `flock` on a file of its own, which dies with its holder.
///
/// The file stays; removing it would let two processes lock two files of one name.
package struct FileLock: ~Copyable {
  private let descriptor: Int32

  /// Takes the lock, or fails while another process has it; it blocks for a moment at most.
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
    // A child of this process holds a copy of a lock for the moment between its fork and its exec,
    // so a lock that was just released may still be held.
    let deadline = ContinuousClock.now + .milliseconds(Bounds.fileLockWait.milliseconds)
    var result = flock(descriptor, LOCK_EX | LOCK_NB)
    while result != 0, errno == EINTR || ContinuousClock.now < deadline {
      usleep(1_000)
      result = flock(descriptor, LOCK_EX | LOCK_NB)
    }
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
package enum SystemError {
  /// The text of `errno`.
  package static func text(_ number: Int32) -> String { String(cString: strerror(number)) }
}
