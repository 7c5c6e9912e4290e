/// Takes the definers out of a dump of MySQL or MariaDB, so that its objects belong to whoever
/// reads it in.
///
/// Only lines are changed that begin as the dump programs begin a definition. Should the body of a
/// routine have such a line, its definition comes out changed, and the comparison with the original
/// says so.
package struct DefinerFilter {
  /// How such lines begin.
  private static let beginnings = [
    "CREATE DEFINER=", "/*!50013 DEFINER=", "/*!50003 CREATE*/ /*!50017 DEFINER=",
    "/*!50003 CREATE*/ /*!50020 DEFINER=", "/*!50106 CREATE*/ /*!50117 DEFINER=",
  ].map { Array($0.utf8) }
  private static let word = Array("DEFINER=".utf8)
  /// A beginning, and names of a user and a host with every sign of them doubled.
  private static let lineBeginningMax = 1_024

  private var rest: [UInt8] = []
  private var isAtLine = true

  package init() {}

  /// Takes the next bytes in, and gives out those of which all is known.
  package mutating func pass(_ bytes: some Sequence<UInt8>) -> [UInt8] {
    rest += bytes
    return drain(isLast: false)
  }

  /// Gives out what is left at the end.
  package mutating func end() -> [UInt8] { drain(isLast: true) }

  private mutating func drain(isLast: Bool) -> [UInt8] {
    var output: [UInt8] = []
    output.reserveCapacity(rest.count)
    var start = rest.startIndex
    while start < rest.endIndex {
      let newline = rest[start...].firstIndex(of: 0x0A)
      if isAtLine {
        let known = (newline ?? rest.endIndex) - start
        guard isLast || newline != nil || known >= Self.lineBeginningMax else { break }
        let line = rest[start..<start + min(known, Self.lineBeginningMax)]
        if let definer = Self.definer(in: line) {
          output += rest[start..<definer.lowerBound]
          start = definer.upperBound
        }
      }
      let end = newline.map { $0 + 1 } ?? rest.endIndex
      output += rest[start..<end]
      start = end
      isAtLine = newline != nil
    }
    rest.removeFirst(start)
    return output
  }

  /// Where a definer stands at the beginning of a line, with its mark.
  private static func definer(in line: ArraySlice<UInt8>) -> Range<Int>? {
    guard let beginning = beginnings.first(where: line.starts) else { return nil }
    var place = line.startIndex + beginning.count
    guard let user = endOfName(at: place, in: line) else { return nil }
    place = user
    if place < line.endIndex, line[place] == UInt8(ascii: "@") {
      guard let host = endOfName(at: place + 1, in: line) else { return nil }
      place = host
    }
    return line.startIndex + beginning.count - word.count..<place
  }

  /// The place behind a name in back quotes; nil where there is none.
  private static func endOfName(at start: Int, in line: ArraySlice<UInt8>) -> Int? {
    guard start < line.endIndex, line[start] == UInt8(ascii: "`") else { return nil }
    var place = start + 1
    while place < line.endIndex {
      guard line[place] == UInt8(ascii: "`") else {
        place += 1
        continue
      }
      guard place + 1 < line.endIndex, line[place + 1] == UInt8(ascii: "`") else {
        return place + 1
      }
      place += 2
    }
    return nil
  }
}
