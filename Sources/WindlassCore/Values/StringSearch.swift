extension StringProtocol {
  /// Whether a word stands in the text, byte by byte.
  ///
  /// The standard library's `contains(_:)` makes a table of the word's characters, whose type is
  /// looked for among all types of the program when it is wanted first: a fifth of a millisecond,
  /// which short commands don't have.
  package func holds(_ word: StaticString) -> Bool {
    let bytes = UnsafeBufferPointer(start: word.utf8Start, count: word.utf8CodeUnitCount)
    var rest = utf8[...]
    while rest.count >= bytes.count {
      if rest.starts(with: bytes) { return true }
      rest = rest.dropFirst()
    }
    return false
  }
}
