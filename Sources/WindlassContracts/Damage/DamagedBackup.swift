package import WindlassCore

/// One finished backup whose file is damaged again and again.
package protocol DamagedBackup: Sendable {
  /// The backup.
  var id: BackupID { get }

  var store: any BackupStore { get }

  /// The file as it was written.
  var sound: [UInt8] { get }

  /// Files of the same kind that are no backup of that moment, with what is wrong with each: a
  /// table or rows missing, another database.
  var others: [(what: String, bytes: [UInt8])] { get }

  /// Puts the bytes in place of the file, and the record of the backup back to what it was.
  ///
  /// - Parameter isRecorded: Whether the record names the digest of these bytes, as if the copy had
  ///   gone wrong before its digest was taken.
  func put(_ bytes: [UInt8], isRecorded: Bool) throws

  /// What is different in the database that the file restores to, schema and rows; nil when nothing
  /// is. Found out without the driver's own comparison.
  func differenceWhenRestored() async throws -> String?
}

/// The first lines in which two texts differ; nil when they are the same.
package func firstDifference(_ one: [String], _ other: [String]) -> String? {
  guard one != other else { return nil }
  let place = zip(one, other).prefix { $0 == $1 }.count
  let lines = [one, other].map { $0.dropFirst(place).prefix(2).joined(separator: " / ") }
  return "line \(place + 1): \(lines[0]) <> \(lines[1])"
}

/// One way to damage a file.
struct Damage: CustomStringConvertible {
  var description: String
  var bytes: [UInt8]
  var isRecorded: Bool
}

/// Damage that follows from a seed, each kind as often as another, every second one recorded.
package struct DamageSeries: Sendable {
  package let seed: UInt64
  /// How many there are in all.
  package let count: Int

  /// Names a series; the same seed and count are the same damage of the same file.
  package init(seed: UInt64, count: Int) {
    self.seed = seed
    self.count = count
  }

  /// The numbers of the series in so many parts.
  package func parts(_ parts: Int) -> [Range<Int>] {
    (0..<parts).map { count * $0 / parts..<count * ($0 + 1) / parts }
  }

  /// The damage of that number.
  func damage(_ number: Int, of backup: any DamagedBackup) -> Damage {
    var generator = SeededNumbers(seed: seed &+ UInt64(number))
    let sound = backup.sound
    var (what, bytes) = change(sound, number, backup.others, &generator)
    if bytes == sound {
      // Zeros over zeros: no damage, so another one.
      (what, bytes) = flip(sound, &generator)
    }
    let isRecorded = number % 2 == 1
    return Damage(
      description: "seed \(seed), number \(number): \(what)"
        + (isRecorded ? ", before its digest was taken" : ""),
      bytes: bytes, isRecorded: isRecorded)
  }

  private func change(
    _ sound: [UInt8], _ number: Int, _ others: [(what: String, bytes: [UInt8])],
    _ generator: inout SeededNumbers
  ) -> (String, [UInt8]) {
    let size = sound.count
    let place = Int.random(in: 0..<size, using: &generator)
    let length = min(size - place, Int.random(in: 1...4_096, using: &generator))
    var bytes = sound
    switch number / 2 % 10 {
    case 0, 1, 2:
      // At every step of the file, from its first byte to its last.
      let end = size * number / count
      return ("cut after \(end) of \(size) bytes", Array(sound.prefix(end)))
    case 3, 4: return flip(sound, &generator)
    case 5:
      for index in place..<(place + length) { bytes[index] = 0 }
      return ("\(length) bytes from \(place) are zero", bytes)
    case 6:
      let other = Int.random(in: 0...(size - length), using: &generator)
      for index in 0..<length { bytes[place + index] = sound[other + index] }
      return ("\(length) bytes from \(place) are those from \(other)", bytes)
    case 7:
      bytes.removeSubrange(place..<(place + length))
      return ("\(length) bytes from \(place) are missing", bytes)
    case 8:
      bytes.insert(contentsOf: sound[place..<(place + length)], at: place)
      return ("\(length) bytes from \(place) are there twice", bytes)
    default:
      let other = others[number / 20 % others.count]
      return (other.what, other.bytes)
    }
  }

  private func flip(
    _ sound: [UInt8], _ generator: inout SeededNumbers
  ) -> (String, [UInt8]) {
    let place = Int.random(in: 0..<sound.count, using: &generator)
    let bit = UInt8.random(in: 0..<8, using: &generator)
    var bytes = sound
    bytes[place] ^= 1 << bit
    return ("bit \(bit) of byte \(place) is flipped", bytes)
  }
}

/// The same numbers for the same seed, on every machine (SplitMix64).
struct SeededNumbers: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
