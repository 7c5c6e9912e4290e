/// A release's version by Semantic Versioning 2.0.0 (semver.org).
///
/// Precedence ignores build metadata, equality does not; two versions that differ in it alone
/// are distinct releases of equal precedence, and sort by their text.
public struct Version: Hashable, Sendable {
  public var major: UInt64
  public var minor: UInt64
  public var patch: UInt64
  /// Dot-separated identifiers after `-`, in order.
  public var prerelease: [String]
  /// Dot-separated identifiers after `+`, in order.
  public var build: [String]

  /// Makes a version from its parts.
  public init(
    _ major: UInt64, _ minor: UInt64, _ patch: UInt64, prerelease: [String] = [],
    build: [String] = []
  ) {
    self.major = major
    self.minor = minor
    self.patch = patch
    self.prerelease = prerelease
    self.build = build
  }

  /// Reads `MAJOR.MINOR.PATCH[-PRERELEASE][+BUILD]`, exactly as the specification says.
  public init?(_ text: String) {
    guard text.utf8.count <= Bounds.versionLengthMax, text.utf8.allSatisfy({ $0 < 0x80 }) else {
      return nil
    }
    let (beforeBuild, build) = Version.cut(text, at: "+")
    let (core, prerelease) = Version.cut(beforeBuild, at: "-")
    let numbers = core.split(separator: ".", omittingEmptySubsequences: false)
    guard numbers.count == 3,
      let major = Version.number(numbers[0]), let minor = Version.number(numbers[1]),
      let patch = Version.number(numbers[2])
    else { return nil }
    self.init(major, minor, patch)
    if let prerelease {
      guard let identifiers = Version.identifiers(prerelease, strictNumbers: true) else {
        return nil
      }
      self.prerelease = identifiers
    }
    if let build {
      guard let identifiers = Version.identifiers(build, strictNumbers: false) else { return nil }
      self.build = identifiers
    }
  }

  /// The version without what follows `-` and `+`.
  public var release: Version { Version(major, minor, patch) }

  private static func cut(_ text: String, at mark: Character) -> (String, String?) {
    guard let index = text.firstIndex(of: mark) else { return (text, nil) }
    return (String(text[..<index]), String(text[text.index(after: index)...]))
  }

  private static func number(_ digits: Substring) -> UInt64? {
    guard !digits.isEmpty, digits.utf8.allSatisfy({ (0x30...0x39).contains($0) }),
      digits.utf8.count == 1 || digits.utf8.first != 0x30
    else { return nil }
    return UInt64(digits)
  }

  private static func identifiers(_ text: String, strictNumbers: Bool) -> [String]? {
    let parts = text.split(separator: ".", omittingEmptySubsequences: false).map(String.init)
    for part in parts {
      guard !part.isEmpty, part.utf8.allSatisfy(isIdentifierByte) else { return nil }
      let isNumeric = part.utf8.allSatisfy { (0x30...0x39).contains($0) }
      if strictNumbers, isNumeric, part.utf8.count > 1, part.utf8.first == 0x30 { return nil }
    }
    return parts
  }

  private static func isIdentifierByte(_ byte: UInt8) -> Bool {
    switch byte {
    case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D: true
    default: false
    }
  }
}

extension Version: Comparable {
  public static func < (left: Version, right: Version) -> Bool {
    switch left.precedence(against: right) {
    case .lower: true
    case .higher: false
    case .equal:
      left.build.lexicographicallyPrecedes(right.build)
    }
  }

  /// How two versions stand by section 11 of the specification, which ignores build metadata.
  public enum Precedence: Sendable { case lower, equal, higher }

  /// Compares by section 11 of the specification.
  public func precedence(against other: Version) -> Precedence {
    let mine = [major, minor, patch]
    let theirs = [other.major, other.minor, other.patch]
    for (left, right) in zip(mine, theirs) where left != right {
      return left < right ? .lower : .higher
    }
    if prerelease.isEmpty || other.prerelease.isEmpty {
      if prerelease.isEmpty == other.prerelease.isEmpty { return .equal }
      return prerelease.isEmpty ? .higher : .lower
    }
    for (left, right) in zip(prerelease, other.prerelease) where left != right {
      return Version.identifierPrecedes(left, right) ? .lower : .higher
    }
    if prerelease.count == other.prerelease.count { return .equal }
    return prerelease.count < other.prerelease.count ? .lower : .higher
  }

  private static func identifierPrecedes(_ left: String, _ right: String) -> Bool {
    let leftIsNumeric = left.utf8.allSatisfy { (0x30...0x39).contains($0) }
    let rightIsNumeric = right.utf8.allSatisfy { (0x30...0x39).contains($0) }
    switch (leftIsNumeric, rightIsNumeric) {
    // No leading zeros, so the longer number is the larger one; no width limit applies.
    case (true, true):
      let (leftSize, rightSize) = (left.utf8.count, right.utf8.count)
      return leftSize != rightSize
        ? leftSize < rightSize : left.utf8.lexicographicallyPrecedes(right.utf8)
    case (true, false): return true
    case (false, true): return false
    case (false, false): return left.utf8.lexicographicallyPrecedes(right.utf8)
    }
  }
}

extension Version: CustomStringConvertible, Codable {
  public var description: String {
    var text = "\(major).\(minor).\(patch)"
    if !prerelease.isEmpty { text += "-" + prerelease.joined(separator: ".") }
    if !build.isEmpty { text += "+" + build.joined(separator: ".") }
    return text
  }

  public init(from decoder: any Decoder) throws {
    let container = try decoder.singleValueContainer()
    let text = try container.decode(String.self)
    guard let version = Version(text) else {
      throw DecodingError.dataCorruptedError(
        in: container, debugDescription: "not a semantic version: \(text)")
    }
    self = version
  }

  public func encode(to encoder: any Encoder) throws {
    var container = encoder.singleValueContainer()
    try container.encode(description)
  }
}
