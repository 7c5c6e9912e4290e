/// Swift strings as C sees them, for the length of a call.
enum CStrings {
  /// Two null-terminated lists of writable strings.
  static func with<Result>(
    _ first: [String], _ second: [String],
    _ body: (
      UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>,
      UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
    ) -> Result
  ) -> Result {
    list(first) { first in list(second) { second in body(first, second) } }
  }

  /// One string, or null.
  static func with<Result>(_ text: String?, _ body: (UnsafePointer<CChar>?) -> Result) -> Result {
    guard let text else { return body(nil) }
    return text.withCString(body)
  }

  private static func list<Result>(
    _ strings: [String], _ body: (UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>) -> Result
  ) -> Result {
    var bytes: [CChar] = []
    var offsets: [Int] = []
    for string in strings {
      offsets.append(bytes.count)
      bytes += string.utf8CString
    }
    return bytes.withUnsafeMutableBufferPointer { characters in
      var pointers = offsets.map { offset in characters.baseAddress.map { $0 + offset } }
      pointers.append(nil)
      return withUnsafeTemporaryAllocation(
        of: UnsafeMutablePointer<CChar>?.self, capacity: pointers.count
      ) { list in
        _ = list.initialize(from: pointers)
        // The capacity is at least one, for the null at the end, so there is a base address.
        return body(list.baseAddress.unsafelyUnwrapped)
      }
    }
  }
}
