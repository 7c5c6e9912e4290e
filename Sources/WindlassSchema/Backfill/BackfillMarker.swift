/// Finds the range markers of a backfill's text: comments `/* windlass: range */`, each in front of
/// the `TRUE` that stands for the range of keys.
///
/// To a tool that knows nothing of them they are comments, and the statement is about every row.
struct BackfillMarkers {
  /// What stands for the markers in `text`, in order; none of them is in the file itself.
  private(set) var words: [String] = []
  /// How each statement names the key's table, from `/* windlass: range f.id */`; nil where the
  /// column's name alone is enough.
  private(set) var qualifiers: [String?] = []
  /// The column that a marker names; nil where it names none.
  private(set) var columns: [String?] = []
  /// The lines that they stand on, from 1.
  private(set) var lines: [Int] = []
  /// The file's text with a plain word in place of each marker, so that whoever cuts it into
  /// tokens meets it only where SQL is.
  private(set) var text = ""

  /// Replaces the markers.
  ///
  /// - Throws: for a comment that begins like a marker and is none.
  init(_ file: String) throws(SQLTokenError) {
    let bytes = Array(file.utf8)
    guard Self.namesWindlass(bytes) else {
      text = file
      return
    }
    var prefix = "windlass_range"
    while file.lowercased().contains(prefix) { prefix += "_" }
    var output: [UInt8] = []
    var position = 0
    var line = 1
    while position < bytes.count {
      if let comment = Self.comment(in: bytes, at: position) {
        let end = comment.end
        let (qualifier, column) = try Self.name(comment.words, line: line)
        let word = "\(prefix)_\(words.count)"
        words.append(word)
        qualifiers.append(qualifier)
        columns.append(column)
        lines.append(line)
        output += Array(" \(word) ".utf8)
        position = end
        continue
      }
      if bytes[position] == UInt8(ascii: "\n") { line += 1 }
      output.append(bytes[position])
      position += 1
    }
    text = String(decoding: output, as: UTF8.self)
  }

  /// Whether the program's name stands anywhere, in letters of whatever case; without it there is
  /// no marker, nor what looks like one.
  private static func namesWindlass(_ bytes: [UInt8]) -> Bool {
    let name = Array("windlass".utf8)
    guard bytes.count >= name.count else { return false }
    return (0...(bytes.count - name.count)).contains { start in
      bytes[start] | 0x20 == name[0]
        && name.indices.allSatisfy { bytes[start + $0] | 0x20 == name[$0] }
    }
  }

  /// The marker's comment that begins there: the words behind `windlass:`, and where it ends.
  private static func comment(
    in bytes: [UInt8], at start: Int
  ) -> (words: [Substring], end: Int)? {
    guard start + 1 < bytes.count, bytes[start] == UInt8(ascii: "/"),
      bytes[start + 1] == UInt8(ascii: "*")
    else { return nil }
    // A marker is short and on one line; what is longer is a comment about something else.
    let limit = min(bytes.count, start + 2 + lengthMax)
    var end = start + 2
    while end + 1 < limit, bytes[end] != UInt8(ascii: "\n") {
      if bytes[end] == UInt8(ascii: "*"), bytes[end + 1] == UInt8(ascii: "/") {
        let inside = String(decoding: bytes[start + 2..<end], as: UTF8.self)
        let words = inside.split(whereSeparator: \.isWhitespace)
        guard words.first == "windlass:" else { return nil }
        return (Array(words.dropFirst()), end + 2)
      }
      end += 1
    }
    return nil
  }

  /// Bytes between `/*` and `*/`.
  private static let lengthMax = 300

  /// The name that a marker gives the key's column, in its two parts.
  private static func name(
    _ words: [Substring], line: Int
  ) throws(SQLTokenError) -> (qualifier: String?, column: String?) {
    guard words.first == "range", words.count <= 2 else {
      throw SQLTokenError(
        reason: "\"/* windlass: \(words.joined(separator: " ")) */\" is not understood; the range"
          + " of keys is marked by `/* windlass: range */ TRUE`, or by"
          + " `/* windlass: range f.id */ TRUE` where the table is called f", line: line)
    }
    guard words.count == 2 else { return (nil, nil) }
    let parts = words[1].split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    guard (1...2).contains(parts.count), parts.allSatisfy(isPlain) else {
      throw SQLTokenError(
        reason: "\"\(words[1])\" in a range marker is no column; write it as `id` or `f.id`,"
          + " without quotes", line: line)
    }
    return parts.count == 2 ? (parts[0], parts[1]) : (nil, parts[0])
  }

  /// Whether a name means the same with and without quotes around it, but for its case.
  private static func isPlain(_ name: String) -> Bool {
    guard let first = name.unicodeScalars.first, first.properties.numericType == nil else {
      return false
    }
    return name.unicodeScalars.allSatisfy {
      $0 == "_" || $0.properties.isAlphabetic || $0.properties.numericType != nil
    }
  }
}
