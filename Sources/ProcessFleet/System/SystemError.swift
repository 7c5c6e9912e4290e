import Glibc
import WindlassCore

/// A system call that failed.
struct SystemError: Error, Hashable, CustomStringConvertible {
  /// The call, such as `bind`.
  let call: String
  /// What it was about, such as a path; empty when the call says it all.
  let object: String
  /// The error number.
  let number: Int32

  /// Names a failed call; takes `errno` unless another number is given.
  init(_ call: String, _ object: String = "", number: Int32 = errno) {
    self.call = call
    self.object = object
    self.number = number
  }

  /// Names a failed call of `CLinux`, whose results are negative error numbers.
  init(_ call: String, _ object: String = "", result: Int32) {
    self.init(call, object, number: -result)
  }

  var description: String {
    let reason = String(cString: strerror(number))
    return object.isEmpty ? "\(call): \(reason)" : "\(call) \(object): \(reason)"
  }

  /// Whether the machine was out of something that may be there again in a moment.
  var isShortage: Bool {
    [EAGAIN, ENOMEM, EMFILE, ENFILE, ENOBUFS, ENOSPC, EINTR, EBUSY, ETXTBSY].contains(number)
  }

  /// The failure of a step that this call was part of.
  func failure(code: String, next: String, isPermanent: Bool = false) -> StepFailure {
    StepFailure(
      code: number == ENOSPC ? "DiskFull" : code,
      disposition: isPermanent && !isShortage ? .stop : .retry,
      message: "\(description); \(next)")
  }
}
