package import WindlassCore

/// A file's name as golang-migrate reads it: `<digits>_<title>.<up|down>.<extension>`.
package struct MigrationFileName: Hashable, Sendable {
  /// Which way a file goes.
  package enum Direction: String, Hashable, Sendable { case up, down }

  package var version: SchemaVersion
  package var direction: Direction
  /// Whether `sql` follows the direction; that tool does not look at it.
  package var isSQL: Bool

  /// What a name turns out to be.
  package enum Reading: Hashable, Sendable {
    case migration(MigrationFileName)
    /// It looks like a migration whose version fits no ledger.
    case versionTooLarge
    /// That tool passes it over, and so does Windlass.
    case other
  }

  /// Reads a name.
  package static func read(_ name: String) -> Reading {
    var name = name
    return name.withUTF8 { read($0) }
  }

  /// Reads a name without making a text of any part of it, since a directory may have thousands.
  private static func read(_ bytes: UnsafeBufferPointer<UInt8>) -> Reading {
    // In the tool's pattern a point stands for anything but the end of a line.
    guard !bytes.contains(0x0A),
      let digitsEnd = bytes.firstIndex(where: { !(0x30...0x39).contains($0) }), digitsEnd > 0,
      bytes[digitsEnd] == UInt8(ascii: "_"),
      let (direction, end) = lastDirection(in: bytes, from: digitsEnd + 1)
    else { return .other }
    guard let number = number(bytes[..<digitsEnd]) else { return .versionTooLarge }
    return .migration(
      MigrationFileName(
        version: SchemaVersion(number), direction: direction,
        isSQL: ends(with: "sql", in: bytes, from: end)))
  }

  /// Reads digits; nil for a number that no ledger holds.
  private static func number(_ digits: Slice<UnsafeBufferPointer<UInt8>>) -> UInt64? {
    var number: Int64 = 0
    for digit in digits {
      let (tens, isTooLarge) = number.multipliedReportingOverflow(by: 10)
      guard !isTooLarge else { return nil }
      let (sum, isLarger) = tens.addingReportingOverflow(Int64(digit) - 0x30)
      guard !isLarger else { return nil }
      number = sum
    }
    return UInt64(number)
  }

  /// The last `.up.` or `.down.`, since the title is greedy, and where it ends.
  private static func lastDirection(
    in bytes: UnsafeBufferPointer<UInt8>, from start: Int
  ) -> (direction: Direction, end: Int)? {
    for mark in stride(from: bytes.count - 1, through: start, by: -1)
    where bytes[mark] == UInt8(ascii: ".") {
      if holds(".up.", in: bytes, at: mark) { return (.up, mark + 4) }
      if holds(".down.", in: bytes, at: mark) { return (.down, mark + 6) }
    }
    return nil
  }

  private static func ends(
    with word: StaticString, in bytes: UnsafeBufferPointer<UInt8>, from start: Int
  ) -> Bool {
    bytes.count - start == word.utf8CodeUnitCount && holds(word, in: bytes, at: start)
  }

  private static func holds(
    _ word: StaticString, in bytes: UnsafeBufferPointer<UInt8>, at start: Int
  ) -> Bool {
    guard bytes.count - start >= word.utf8CodeUnitCount else { return false }
    for offset in 0..<word.utf8CodeUnitCount
    where bytes[start + offset] != word.utf8Start[offset] { return false }
    return true
  }
}
