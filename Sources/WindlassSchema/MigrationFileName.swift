package import WindlassCore

/// A file's name as golang-migrate reads it: `<digits>_<title>.<up|down>.<extension>`.
package struct MigrationFileName: Hashable, Sendable {
  /// Which way a file goes.
  package enum Direction: String, Hashable, Sendable { case up, down }

  package var version: SchemaVersion
  package var title: String
  package var direction: Direction
  /// What follows the direction, which that tool does not look at.
  package var fileExtension: String

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
    let bytes = Array(name.utf8)
    // In the tool's pattern a point stands for anything but the end of a line.
    guard !bytes.contains(0x0A),
      let digitsEnd = bytes.firstIndex(where: { !(0x30...0x39).contains($0) }), digitsEnd > 0,
      bytes[digitsEnd] == UInt8(ascii: "_"),
      let (mark, direction) = lastDirection(in: bytes, from: digitsEnd + 1)
    else { return .other }
    let digits = String(decoding: bytes[..<digitsEnd], as: UTF8.self)
    guard let version = UInt64(digits), version <= UInt64(Int64.max) else {
      return .versionTooLarge
    }
    let extensionStart = mark + direction.rawValue.utf8.count + 2
    return .migration(
      MigrationFileName(
        version: SchemaVersion(version),
        title: String(decoding: bytes[(digitsEnd + 1)..<mark], as: UTF8.self),
        direction: direction,
        fileExtension: String(decoding: bytes[extensionStart...], as: UTF8.self)))
  }

  /// The last `.up.` or `.down.`: the title is greedy.
  private static func lastDirection(
    in bytes: [UInt8], from start: Int
  ) -> (mark: Int, direction: Direction)? {
    for mark in stride(from: bytes.count - 1, through: start, by: -1)
    where bytes[mark] == UInt8(ascii: ".") {
      for direction in [Direction.up, .down]
      where bytes[mark...].starts(with: ".\(direction.rawValue).".utf8) {
        return (mark, direction)
      }
    }
    return nil
  }
}
