extension String {
  /// Whether a word stands in the text, byte by byte.
  ///
  /// The standard library's `contains(_:)` makes a table of the word's characters, whose type is
  /// looked for among all types of the program when it is wanted first: a fifth of a millisecond,
  /// which short commands don't have. So is what its `starts(with:)` walks, for each kind of text.
  package func holds(_ word: StaticString) -> Bool {
    var text = self
    return text.withUTF8 { bytes in
      var start = 0
      while start + word.utf8CodeUnitCount <= bytes.count {
        var length = 0
        while length < word.utf8CodeUnitCount, bytes[start + length] == word.utf8Start[length] {
          length += 1
        }
        if length == word.utf8CodeUnitCount { return true }
        start += 1
      }
      return false
    }
  }
}
