/// A set of versions, such as `>=1.0.0 <2.0.0 || 3.1.4`.
///
/// Comparators (`=`, `!=`, `<`, `<=`, `>`, `>=`, `^`, `~`, or a bare version) separated by blanks
/// or commas must all hold; alternatives are separated by `||`; `*` holds for every version. A
/// prerelease matches only where its comparator's group names a prerelease of the same
/// `MAJOR.MINOR.PATCH`, as npm and Cargo do, so that `>=1.0.0` never offers `2.0.0-rc.1`.
public struct VersionRange: Hashable, Sendable {
  struct Comparator: Hashable, Sendable {
    enum Relation: Hashable, Sendable { case equal, unequal, below, atMost, above, atLeast }
    var relation: Relation
    var version: Version

    func holds(for candidate: Version) -> Bool {
      let precedence = candidate.precedence(against: version)
      return switch relation {
      case .equal: precedence == .equal
      case .unequal: precedence != .equal
      case .below: precedence == .lower
      case .atMost: precedence != .higher
      case .above: precedence == .higher
      case .atLeast: precedence != .lower
      }
    }
  }

  private let text: String
  private let groups: [[Comparator]]

  /// The range that holds every version without a prerelease.
  public static let any = VersionRange(text: "*", groups: [[]])

  private init(text: String, groups: [[Comparator]]) {
    self.text = text
    self.groups = groups
  }

  /// Reads a range; nil when any part of it is not understood.
  public init?(_ text: String) {
    guard text.utf8.count <= Bounds.versionRangeLengthMax else { return nil }
    var groups: [[Comparator]] = []
    for alternative in VersionRange.alternatives(text) {
      guard let group = VersionRange.group(alternative) else { return nil }
      groups.append(group)
    }
    self.init(text: text, groups: groups)
  }

  /// Whether the version lies in the range.
  public func contains(_ version: Version) -> Bool {
    groups.contains { group in
      guard group.allSatisfy({ $0.holds(for: version) }) else { return false }
      return version.prerelease.isEmpty
        || group.contains {
          !$0.version.prerelease.isEmpty && $0.version.release == version.release
        }
    }
  }

  private static func alternatives(_ text: String) -> [[String]] {
    var alternatives: [[String]] = [[]]
    var word = ""
    func flush() {
      if !word.isEmpty { alternatives[alternatives.count - 1].append(word) }
      word = ""
    }
    var previous: Character = " "
    for character in text {
      if character == "|" {
        flush()
        if previous == "|" { alternatives.append([]) }
        previous = previous == "|" ? " " : "|"
        continue
      }
      // A single bar is no separator; it stays in the word, which is then not understood.
      if previous == "|" { word.append("|") }
      if character == " " || character == "," || character == "\t" {
        // An operator may be followed by blanks before its version.
        if !word.allSatisfy({ "<>=!^~".contains($0) }) { flush() }
      } else {
        word.append(character)
      }
      previous = character
    }
    if previous == "|" { word.append("|") }
    flush()
    return alternatives
  }

  private static func group(_ words: [String]) -> [Comparator]? {
    guard !words.isEmpty else { return nil }
    var group: [Comparator] = []
    for word in words where word != "*" {
      guard let comparators = comparators(word) else { return nil }
      group += comparators
    }
    return group
  }

  private static func comparators(_ word: String) -> [Comparator]? {
    let mark = String(word.prefix { "<>=!^~".contains($0) })
    guard let version = Version(String(word.dropFirst(mark.count))) else { return nil }
    switch mark {
    case "", "=", "==": return [Comparator(relation: .equal, version: version)]
    case "!=": return [Comparator(relation: .unequal, version: version)]
    case "<": return [Comparator(relation: .below, version: version)]
    case "<=": return [Comparator(relation: .atMost, version: version)]
    case ">": return [Comparator(relation: .above, version: version)]
    case ">=": return [Comparator(relation: .atLeast, version: version)]
    case "^", "~":
      guard let limit = limit(mark: mark, version: version) else { return nil }
      return [
        Comparator(relation: .atLeast, version: version),
        Comparator(relation: .below, version: limit),
      ]
    default: return nil
    }
  }

  /// The first version above a caret or tilde range; nil when a number would overflow.
  private static func limit(mark: String, version: Version) -> Version? {
    func next(_ number: UInt64) -> UInt64? {
      let (sum, overflow) = number.addingReportingOverflow(1)
      return overflow ? nil : sum
    }
    if mark == "^", version.major > 0 { return next(version.major).map { Version($0, 0, 0) } }
    if mark == "^", version.minor == 0 { return next(version.patch).map { Version(0, 0, $0) } }
    return next(version.minor).map { Version(version.major, $0, 0) }
  }
}

extension VersionRange: CustomStringConvertible, Codable {
  public var description: String { text }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let range = VersionRange(text) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "not a version range: \(text)")
    }
    self = range
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(text)
  }
}
