/// The rights of a MySQL or MariaDB user, as the server's `SHOW GRANTS` tells them.
///
/// These servers hide what a user has no right to: a table, a trigger or an event that can't be
/// seen is left out without a word. So rights are looked at before anything is taken for complete.
package struct MySQLGrants: Hashable, Sendable {
  /// What a right is for.
  package enum Scope: Hashable, Sendable {
    case server
    /// Databases, by a pattern in which `_` and `%` are wildcards.
    case databases(String)
    case table(database: String, name: String)
  }

  private struct Grant: Hashable, Sendable {
    var scope: Scope
    /// In capitals; `ALL PRIVILEGES` stands for every one.
    var rights: Set<String>
    var isGrantable: Bool

    func holds(_ right: String) -> Bool {
      rights.contains(right) || rights.contains("ALL PRIVILEGES") || rights.contains("ALL")
    }
  }

  private var grants: [Grant] = []
  /// What was taken away from rights in all databases, which only MySQL knows.
  private var revocations: [Grant] = []

  /// Reads lines of `SHOW GRANTS`; of one that is understood not at all nothing is taken.
  package init(_ lines: [String]) {
    for line in lines { read(line) }
  }

  // MARK: Questions

  /// Whether a right in all databases is held, such as `RELOAD`.
  package func allows(_ right: String) -> Bool {
    grants.contains { $0.scope == .server && $0.holds(right) }
  }

  /// Whether a right is held in a database as a whole.
  package func allows(_ right: String, in database: String) -> Bool {
    if allows(right), !isRevoked(right, in: database) { return true }
    return nearest(to: database).contains { $0.holds(right) }
  }

  /// Whether a right is held on a table.
  package func allows(_ right: String, on table: String, in database: String) -> Bool {
    if allows(right, in: database) { return true }
    return grants.contains { grant in
      guard case .table(let place, let name) = grant.scope else { return false }
      return place.lowercased() == database.lowercased() && name.lowercased() == table.lowercased()
        && grant.holds(right)
    }
  }

  /// Whether the rights in a database may be given on to others.
  package func mayGrant(in database: String) -> Bool {
    grants.contains { $0.scope == .server && $0.isGrantable }
      || nearest(to: database).contains(where: \.isGrantable)
  }

  private func isRevoked(_ right: String, in database: String) -> Bool {
    revocations.contains { revocation in
      guard case .databases(let name) = revocation.scope else { return false }
      return name == database && revocation.holds(right)
    }
  }

  /// The grants that count in a database: of those of one user the server takes the one with the
  /// most exact name, and no other; those of several roles add up.
  private func nearest(to database: String) -> [Grant] {
    let fitting = grants.compactMap { grant -> (exactness: Int, grant: Grant)? in
      guard case .databases(let pattern) = grant.scope, Pattern(pattern).matches(database) else {
        return nil
      }
      return (Pattern(pattern).exactness, grant)
    }
    let best = fitting.map(\.exactness).max()
    return fitting.filter { $0.exactness == best }.map(\.grant)
  }

  // MARK: Reading

  private mutating func read(_ line: String) {
    var words = Words(line)
    let verb = words.next()
    guard verb == "GRANT" || verb == "REVOKE" else { return }
    var rights: Set<String> = []
    var right: [String] = []
    while let word = words.next() {
      switch word {
      case "ON":
        rights.insert(right.joined(separator: " "))
        guard let scope = words.scope() else { return }
        let rest = words.rest
        let grant = Grant(
          scope: scope, rights: rights, isGrantable: rest.contains("WITH GRANT OPTION"))
        if verb == "GRANT" { grants.append(grant) } else { revocations.append(grant) }
        return
      case ",":
        rights.insert(right.joined(separator: " "))
        right = []
      // The name of a role, or a right in single columns, which is none in the table.
      case "`", "(":
        words.skip(to: word == "(" ? ")" : "`")
        right.append("?")
      default: right.append(word)
      }
    }
  }

  /// A line cut into words, in capitals.
  private struct Words {
    private var text: Substring

    init(_ line: String) { text = line[...] }

    var rest: String { text.uppercased() }

    mutating func next() -> String? {
      text = text.drop { $0 == " " }
      guard let first = text.first else { return nil }
      if ",`(".contains(first) {
        text = text.dropFirst()
        return String(first)
      }
      let word = text.prefix { !" ,`(".contains($0) }
      text = text[word.endIndex...]
      return word.uppercased()
    }

    /// Passes over what stands up to a sign.
    mutating func skip(to sign: Character) {
      text = text.firstIndex(of: sign).map { text[text.index(after: $0)...] } ?? ""
    }

    /// Reads `*.*`, `` `database`.* `` or `` `database`.`table` ``; nil for a routine or a proxy.
    mutating func scope() -> Scope? {
      text = text.drop { $0 == " " }
      if text.hasPrefix("*.*") {
        text = text.dropFirst(3)
        return .server
      }
      guard let database = name(), text.hasPrefix(".") else { return nil }
      text = text.dropFirst()
      if text.hasPrefix("*") {
        text = text.dropFirst()
        return .databases(database)
      }
      return name().map { .table(database: database, name: $0) }
    }

    /// Reads a name in back quotes.
    private mutating func name() -> String? {
      guard text.first == "`" else { return nil }
      var name = ""
      text = text.dropFirst()
      while let sign = text.popFirst() {
        guard sign == "`" else {
          name.append(sign)
          continue
        }
        guard text.first == "`" else { return name }
        text = text.dropFirst()
        name.append("`")
      }
      return nil
    }
  }

  /// The name of databases in a grant.
  private struct Pattern {
    private enum Part {
      case sign(Character)
      case one, any
    }
    private var parts: [Part] = []

    init(_ text: String) {
      var rest = text[...]
      while let sign = rest.popFirst() {
        switch sign {
        case "\\": parts.append(.sign(rest.popFirst() ?? "\\"))
        case "_": parts.append(.one)
        case "%": parts.append(.any)
        default: parts.append(.sign(sign))
        }
      }
    }

    /// More for a name without wildcards than for any other, and more the later the first stands.
    var exactness: Int {
      parts.firstIndex { part in
        if case .sign = part { false } else { true }
      } ?? Int.max
    }

    func matches(_ name: String) -> Bool { Self.matches(parts[...], name[...]) }

    private static func matches(_ parts: ArraySlice<Part>, _ name: Substring) -> Bool {
      guard let first = parts.first else { return name.isEmpty }
      let rest = parts.dropFirst()
      switch first {
      case .sign(let sign): return name.first == sign && matches(rest, name.dropFirst())
      case .one: return !name.isEmpty && matches(rest, name.dropFirst())
      case .any:
        return name.indices.contains { matches(rest, name[$0...]) } || matches(rest, "")
      }
    }
  }
}
