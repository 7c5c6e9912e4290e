import WindlassWire

/// What single values of a configuration must look like.
enum TextRules {
  /// What `isVariable` wants, in words.
  static let variableWanted =
    "a variable's name of letters, digits and underscores that does not begin with a digit"
  /// What `isRequestPath` wants, in words.
  static let pathWanted = "a path that begins with /, such as /healthz"

  /// Whether the text may name a service or listener: it becomes part of paths and labels.
  static func isName(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 63 && !text.hasPrefix("-") && !text.hasSuffix("-")
      && text.utf8.allSatisfy { isLower($0) || isDigit($0) || $0 == UInt8(ascii: "-") }
  }

  /// Whether the text is a word of letters, digits, hyphens, dots and underscores.
  static func isWord(_ text: String) -> Bool {
    !text.isEmpty && text.utf8.count <= 63
      && text.utf8.allSatisfy {
        isLower($0) || isUpper($0) || isDigit($0) || "-._".utf8.contains($0)
      }
  }

  /// Whether a text that stands where none of its kind belongs may be a database's URL or another
  /// text with a password, so that no error may repeat it.
  static func mayHoldSecret(_ text: String) -> Bool {
    // A plain word is no URL, and no more telling than any other mistake.
    guard text.contains(where: ":@%/?=& #".contains) else { return false }
    let lower = text.lowercased()
    let marks = ["pass", "pwd", "secret", "token", "postgres", "mysql", "mariadb", "cockroach"]
    if marks.contains(where: lower.contains) { return true }
    guard let colon = text.firstIndex(of: ":") else { return text.contains("@") }
    return text[colon...].contains { "@%".contains($0) }
  }

  /// Whether the text may name an environment variable.
  static func isVariable(_ text: String) -> Bool {
    guard let first = text.utf8.first, !isDigit(first), text.utf8.count <= 256 else {
      return false
    }
    return text.utf8.allSatisfy {
      isLower($0) || isUpper($0) || isDigit($0) || $0 == UInt8(ascii: "_")
    }
  }

  /// Whether the text is an absolute path without `..`.
  static func isAbsolutePath(_ text: String) -> Bool {
    text.hasPrefix("/") && text.utf8.count < 4_096 && !text.contains("\0")
      && !text.split(separator: "/").contains("..")
  }

  /// Whether the text is the path of a request, perhaps with a query.
  static func isRequestPath(_ text: String) -> Bool {
    text.hasPrefix("/") && text.utf8.count <= 2_048
      && text.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "#") }
  }

  /// Whether the text is a JSON pointer.
  static func isPointer(_ text: String) -> Bool {
    text.utf8.count <= 1_024 && JSONPointer.tokens(text) != nil
  }

  /// Whether the text is a URL that a manifest may be fetched from.
  static func isManifestURL(_ text: String) -> Bool {
    guard text.utf8.count <= 2_048, text.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F }),
      !text.contains("#")
    else { return false }
    if text.hasPrefix("file://") { return isAbsolutePath(String(text.dropFirst(7))) }
    for scheme in ["https://", "http://"] where text.hasPrefix(scheme) {
      let authority = text.dropFirst(scheme.count).prefix { $0 != "/" && $0 != "?" }
      return !authority.isEmpty && !authority.contains("@") && !authority.hasPrefix(":")
        && hasGoodPort(authority)
    }
    return false
  }

  /// Whether the text is a minisign public key: base64 of `Ed`, 8 bytes of id, 32 bytes of key.
  static func isPublicKey(_ text: String) -> Bool {
    text.utf8.count == 56 && text.hasPrefix("RW")
      && text.utf8.allSatisfy {
        isLower($0) || isUpper($0) || isDigit($0) || "+/".utf8.contains($0)
      }
  }

  /// The words between braces; other text between braces is nobody's placeholder.
  static func placeholders(in text: String) -> [String] {
    text.split(separator: "{", omittingEmptySubsequences: false).dropFirst().compactMap { part in
      guard let end = part.firstIndex(of: "}") else { return nil }
      let name = String(part[..<end])
      return isWord(name) ? name : nil
    }
  }

  private static func hasGoodPort(_ authority: Substring) -> Bool {
    let behindAddress = authority.split(separator: "]", omittingEmptySubsequences: false).last ?? ""
    guard let colon = behindAddress.lastIndex(of: ":") else { return true }
    let digits = behindAddress[behindAddress.index(after: colon)...]
    return digits.utf8.allSatisfy(isDigit) && UInt16(digits).map { $0 > 0 } ?? false
  }

  private static func isLower(_ byte: UInt8) -> Bool { (0x61...0x7A).contains(byte) }
  private static func isUpper(_ byte: UInt8) -> Bool { (0x41...0x5A).contains(byte) }
  private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}
