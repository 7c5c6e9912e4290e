import Glibc
import WindlassCore

/// A place outside the command line and the configuration that holds a database's URL.
enum DatabaseSource: Hashable, Sendable {
  /// An environment variable of this process, by name.
  case environment(String)
  /// A file whose first line is the URL, by path.
  case file(String)

  /// Reads the URL.
  ///
  /// - Throws: `CommandFailure` with `.usage`; no message holds any part of a URL.
  func resolve(
    environment: (String) -> String? = ProcessEnvironment.value
  ) throws(CommandFailure) -> Secret {
    switch self {
    case .environment(let name):
      guard let value = environment(name), !value.isEmpty else {
        throw CommandFailure(
          .usage, "DatabaseUnknown",
          "The environment variable \(name) should hold the database's URL, but it is "
            + "\(environment(name) == nil ? "not set" : "empty"). Set it to a URL such as "
            + "sqlite:///var/lib/service/data.db and run the command again.")
      }
      return try DatabaseSource.checkedURL(value, from: "the environment variable \(name)")
    case .file(let path):
      return try DatabaseSource.checkedURL(
        DatabaseSource.firstLine(of: path), from: "the file \(path)")
    }
  }

  private static func firstLine(of path: String) throws(CommandFailure) -> String {
    let bytes: [UInt8]
    do throws(FileFailure) {
      bytes = try TextFile.read(path, sizeMax: Bounds.databaseURLSizeMax)
    } catch {
      throw CommandFailure(
        .usage, "DatabaseUnknown",
        "The file \(path) should hold the database's URL, but \(error.reason). Write the URL into "
          + "its first line and run the command again.")
    }
    let line = bytes.prefix { $0 != 0x0A && $0 != 0x0D }
    return String(decoding: line, as: UTF8.self)
  }

  /// Checks that the text is a URL of a known engine; the message names its origin alone.
  static func checkedURL(_ text: String, from origin: String) throws(CommandFailure) -> Secret {
    let scheme = text.prefix { $0 != ":" }
    guard text.dropFirst(scheme.count).hasPrefix("://"),
      DatabaseReference.schemes.contains(String(scheme))
    else {
      throw CommandFailure(
        .usage, "BadDatabaseURL",
        "What \(origin) gives is not a database URL that Windlass understands. Write env:NAME, "
          + "file:PATH, or a URL such as sqlite:///var/lib/service/data.db, with one of the "
          + "schemes \(DatabaseReference.schemes.joined(separator: ", ")).")
    }
    return Secret(text)
  }

  /// Whether a URL carries a password, in its user part or as a parameter.
  static func holdsPassword(_ url: String) -> Bool {
    guard let start = url.range(of: "://")?.upperBound else { return false }
    let rest = url[start...]
    let authority = rest.prefix { !"/?#".contains($0) }
    if let at = authority.lastIndex(of: "@"), authority[..<at].contains(":") { return true }
    // A password with an unescaped `/`, `?` or `#` ends the authority early; an `@` behind a colon
    // is then taken for one, as an error here shows a secret and the other error only annoys.
    if let colon = rest.firstIndex(of: ":"), rest[colon...].contains("@") { return true }
    guard let query = rest.firstIndex(of: "?") else { return false }
    return rest[query...].dropFirst().split(separator: "&").contains { parameter in
      let name = parameter.prefix { $0 != "=" }.lowercased()
      return name != "passfile"
        && (name.holds("pass") || name.holds("pwd") || name.holds("secret") || name.holds("token"))
    }
  }
}

extension StringProtocol {
  /// The first place of `text` in this one.
  fileprivate func range(of text: String) -> Range<Index>? {
    var start = startIndex
    while start < endIndex {
      if self[start...].hasPrefix(text) {
        return start..<index(start, offsetBy: text.count)
      }
      start = index(after: start)
    }
    return nil
  }
}

/// The environment that this process was started with.
enum ProcessEnvironment {
  /// The variable's value; nil when it is not set.
  static func value(of name: String) -> String? {
    guard let value = getenv(name) else { return nil }
    return String(cString: value)
  }

  /// All variables, for programs that are started with them.
  static var all: [String: String] {
    var variables: [String: String] = [:]
    var next: UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>? = environ
    while let entry = next?.pointee {
      let parts = String(cString: entry).split(
        separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
      if parts.count == 2 { variables[String(parts[0])] = String(parts[1]) }
      next = next?.advanced(by: 1)
    }
    return variables
  }
}
