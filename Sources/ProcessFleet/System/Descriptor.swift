import Glibc

/// An open file descriptor with one owner, closed with it.
final class Descriptor: Sendable {
  /// The descriptor's number in this process.
  let number: Int32

  /// Takes over an open descriptor.
  init(owning number: Int32) {
    self.number = number
  }

  deinit { close(number) }

  /// Takes over what a call returned, or throws why it returned nothing.
  static func checked(
    _ result: Int32, _ call: String, _ object: String = ""
  ) throws(SystemError) -> Descriptor {
    guard result >= 0 else { throw SystemError(call, object) }
    return Descriptor(owning: result)
  }
}
