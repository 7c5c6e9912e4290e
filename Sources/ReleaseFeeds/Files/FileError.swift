import Glibc

/// A system call on a file that failed.
package struct FileError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The system's number, or 0 when no call failed and the file is unfit.
  package var number: Int32
  /// What happened, to which file.
  package var message: String

  /// Whether there is no file of that name.
  package var isMissing: Bool { number == ENOENT }

  /// The call that just failed; reads `errno`, so nothing may come between.
  static func last(_ action: String, _ path: String) -> FileError {
    let number = errno
    return FileError(
      number: number, message: "\(path) can't be \(action): \(String(cString: strerror(number)))")
  }

  package var description: String { message }
}
