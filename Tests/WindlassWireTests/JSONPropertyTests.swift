import Testing
import WindlassWire

/// Laws of parser and writer over seeded random documents.
struct JSONPropertyTests {
  @Test(arguments: 0..<200 as Range<UInt64>)
  func `what was written is read back equal, compact and pretty`(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    let value = JSONValue.random(using: &generator, depth: 5)
    let compact = try JSONValue.parse(value.bytes)
    #expect(compact == value, "seed \(seed)")
    #expect(try JSONValue.parse(value.prettyBytes) == value, "seed \(seed)")
    #expect(compact.bytes == value.bytes, "seed \(seed)")
  }

  @Test(arguments: 0..<100 as Range<UInt64>)
  func `every prefix of a written object is refused`(seed: UInt64) {
    var generator = SeededGenerator(seed: seed)
    let value: JSONValue = ["value": .random(using: &generator, depth: 3)]
    let bytes = value.bytes
    for end in 0..<bytes.count {
      #expect(refusal(of: Array(bytes[..<end])) != nil, "seed \(seed), cut after \(end) bytes")
    }
  }

  @Test(arguments: 0..<50 as Range<UInt64>)
  func `damaged bytes are refused or read as a value that round-trips`(seed: UInt64) throws {
    var generator = SeededGenerator(seed: seed)
    for round in 0..<100 {
      var bytes = JSONValue.random(using: &generator, depth: 4).bytes
      for _ in 0...Int.random(in: 0..<3, using: &generator) { bytes.damage(using: &generator) }
      guard let value = try? JSONValue.parse(bytes) else { continue }
      #expect(try JSONValue.parse(value.bytes) == value, "seed \(seed), round \(round)")
    }
  }

  @Test(arguments: 0..<50 as Range<UInt64>)
  func `noise from the alphabet of JSON never traps and never reads twice differently`(
    seed: UInt64
  ) {
    var generator = SeededGenerator(seed: seed)
    let alphabet = Array("{}[]\",:\\u0123456789eE+-.truefalsn \u{E9}".utf8) + [0x00, 0x80, 0xFF]
    for _ in 0..<500 {
      let count = Int.random(in: 0..<40, using: &generator)
      let bytes = (0..<count).map { _ in
        alphabet[Int.random(in: 0..<alphabet.count, using: &generator)]
      }
      #expect((try? JSONValue.parse(bytes)) == (try? JSONValue.parse(bytes)), "seed \(seed)")
      #expect((refusal(of: bytes)?.offset ?? 0) <= bytes.count, "seed \(seed)")
    }
  }
}

/// A small generator with a seed (SplitMix64), so that a failure can be repeated.
struct SeededGenerator: RandomNumberGenerator {
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

extension JSONValue {
  /// A document of at most that depth, with hard cases more often than chance would have them.
  static func random(using generator: inout SeededGenerator, depth: Int) -> JSONValue {
    switch Int.random(in: 0..<(depth > 0 ? 8 : 6), using: &generator) {
    case 0: return .null
    case 1: return .bool(.random(using: &generator))
    case 2: return .integer(Int64(bitPattern: generator.next()))
    case 3: return .integer([0, 1, -1, .max, .min, 1 << 53].randomElement(using: &generator) ?? 0)
    case 4:
      let double = Double(bitPattern: generator.next())
      return .double(double.isFinite ? double : -0.0)
    case 5: return .string(.random(using: &generator))
    case 6:
      let count = Int.random(in: 0..<5, using: &generator)
      return .array((0..<count).map { _ in .random(using: &generator, depth: depth - 1) })
    default:
      var names: Set<String> = []
      let count = Int.random(in: 0..<20, using: &generator)
      for _ in 0..<count { names.insert(.random(using: &generator)) }
      return .object(
        names.sorted().map { JSONMember($0, .random(using: &generator, depth: depth - 1)) })
    }
  }
}

extension String {
  /// Up to nine scalars from the places where text goes wrong.
  static func random(using generator: inout SeededGenerator) -> String {
    var scalars = String.UnicodeScalarView()
    let ranges: [ClosedRange<UInt32>] = [
      0x20...0x7E, 0x00...0x1F, 0x7F...0xFF, 0x2020...0x2030, 0xD700...0xE0FF, 0x1F600...0x1F640,
      0x10FFF0...0x10FFFF, 0x22...0x22, 0x5C...0x5C, 0x300...0x36F,
    ]
    for _ in 0..<Int.random(in: 0..<10, using: &generator) {
      let range = ranges[Int.random(in: 0..<ranges.count, using: &generator)]
      // Surrogates are no scalars; a space stands in for them.
      scalars.append(Unicode.Scalar(UInt32.random(in: range, using: &generator)) ?? " ")
    }
    return String(scalars)
  }
}

extension [UInt8] {
  /// Changes, removes, doubles or inserts one byte.
  mutating func damage(using generator: inout SeededGenerator) {
    let index = Int.random(in: 0..<count, using: &generator)
    switch Int.random(in: 0..<4, using: &generator) {
    case 0: self[index] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
    case 1 where count > 1: remove(at: index)
    case 2: insert(self[index], at: index)
    default: insert(UInt8.random(in: 0...255, using: &generator), at: index)
    }
  }
}
