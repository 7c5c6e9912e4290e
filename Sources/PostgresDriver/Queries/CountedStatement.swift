import WindlassCore
import WindlassSchema

/// A statement as `pg_stat_statements` keeps it, made fit for being prepared again.
///
/// The server puts `$1` where a value stood, also in places where its own grammar wants a constant,
/// and leaves values where it had no room to look for them. No value gets through here: what is
/// still one becomes a parameter, and comments, in which programs write what they like, are
/// dropped.
struct CountedStatement {
  /// Why a statement is not kept, for a person.
  enum Omission: String {
    case unreadable = "texts that can't be read"
    case notAsked = "statements that no server prepares, such as changes of the schema"
    case windlass = "Windlass's own and golang-migrate's"
    case catalogue = "questions about the server itself"
  }

  private let pieces: [PostgresTokenizer.Piece]
  private var parameters: Int
  private var isInList = false
  private var written: [Written] = []

  /// A part of the statement as it is kept.
  private enum Written {
    case text(String)
    case parameter(Int)
  }

  /// Makes the statement fit.
  ///
  /// - Parameter ledger: the ledger's table, whose statements are not the service's.
  static func cleaned(_ text: String, ledger: String) -> Result<String, OmissionError> {
    // A text that was cut off in the middle of a constant has no end.
    guard let pieces = try? PostgresTokenizer.pieces(of: text), let first = pieces.first else {
      return .failure(OmissionError(.unreadable))
    }
    let verbs = ["SELECT", "INSERT", "UPDATE", "DELETE", "MERGE", "WITH", "VALUES", "TABLE"]
    let opening = pieces.first { !$0.token.isSymbol("(") } ?? first
    guard verbs.contains(where: opening.token.isKeyword) else {
      return .failure(OmissionError(.notAsked))
    }
    if let omission = omission(of: pieces, ledger) { return .failure(OmissionError(omission)) }
    var statement = CountedStatement(pieces)
    return .success(statement.rewritten())
  }

  struct OmissionError: Error {
    let reason: Omission
    init(_ reason: Omission) { self.reason = reason }
  }

  private static func omission(
    of pieces: [PostgresTokenizer.Piece], _ ledger: String
  ) -> Omission? {
    var found: Omission?
    for (index, piece) in pieces.enumerated() {
      guard piece.token.kind == .word || piece.token.kind == .quotedName else { continue }
      let name = piece.token.text.lowercased()
      if name.hasPrefix("windlass_") || name == ledger.lowercased() { return .windlass }
      let isCall = index + 1 < pieces.count && pieces[index + 1].token.isSymbol("(")
      if name == "information_schema" || name.hasPrefix("pg_") && !isCall { found = .catalogue }
    }
    return found
  }

  private init(_ pieces: [PostgresTokenizer.Piece]) {
    self.pieces = pieces
    parameters =
      pieces.lazy.filter { $0.token.kind == .parameter }
      .compactMap { Int($0.token.text.dropFirst()) }.max() ?? 0
  }

  private mutating func rewritten() -> String {
    var index = 0
    while index < pieces.count {
      let token = pieces[index].token
      if index > 0, pieces[index - 1].range.upperBound < pieces[index].range.lowerBound,
        !token.isSymbol(")")
      {
        written.append(.text(" "))
      }
      if isTyped(at: index) {
        // `interval $1` is read only as `$1::interval`.
        written += [place(of: pieces[index + 1].token), .text("::\(token.text)")]
        index += 2
        continue
      }
      switch token.kind {
      case .literal: written.append(fresh())
      case .number: written.append(isStructure(at: index) ? .text(token.text) : fresh())
      // Which field is extracted is not told, and all of them are read from the same thing.
      case .parameter where isField(at: index): written.append(.text("epoch"))
      case .parameter: written.append(place(of: token))
      // A name that is quoted is taken with its quotes from what it says.
      case .quotedName: written.append(.text(token.text.quotedName))
      case .word, .symbol: written.append(.text(token.text))
      }
      follow(token)
      index += 1
    }
    return text
  }

  /// The whole, with parameters numbered from 1: the server wants to know the type of each number.
  private var text: String {
    let used = Set(
      written.compactMap { part in
        if case .parameter(let number) = part { number } else { nil }
      }
    ).sorted()
    return written.map { part in
      switch part {
      case .text(let text): text
      case .parameter(let number): "$\((used.firstIndex(of: number) ?? 0) + 1)"
      }
    }.joined()
  }

  private mutating func fresh() -> Written {
    parameters += 1
    return .parameter(parameters)
  }

  /// The parameter that a value is, or becomes.
  private mutating func place(of token: SQLToken) -> Written {
    guard token.kind == .parameter, let number = Int(token.text.dropFirst()) else {
      return fresh()
    }
    return .parameter(number)
  }

  private static let typeNames: Set<String> = [
    "INTERVAL", "DATE", "TIME", "TIMESTAMP", "TIMESTAMPTZ", "TIMETZ", "UUID", "JSON", "JSONB",
    "INET", "CIDR", "BYTEA", "BOOL", "BOOLEAN", "NUMERIC", "TEXT",
  ]

  /// Whether a constant is written behind its type here.
  private func isTyped(at index: Int) -> Bool {
    guard index + 1 < pieces.count, pieces[index].token.kind == .word,
      [.parameter, .literal].contains(pieces[index + 1].token.kind),
      Self.typeNames.contains(pieces[index].token.text.uppercased())
    else { return false }
    return true
  }

  /// Whether the parameter is the field in `extract(field FROM …)`.
  private func isField(at index: Int) -> Bool {
    index > 1 && index + 1 < pieces.count && pieces[index - 1].token.isSymbol("(")
      && pieces[index - 2].token.isKeyword("EXTRACT")
      && pieces[index + 1].token.isKeyword("FROM")
  }

  private static let narrowedTypes: Set<String> = [
    "NUMERIC", "DECIMAL", "DEC", "VARCHAR", "CHAR", "CHARACTER", "BPCHAR", "VARYING", "BIT",
    "VARBIT", "FLOAT", "TIMESTAMP", "TIMESTAMPTZ", "TIME", "TIMETZ", "INTERVAL",
  ]

  /// Whether the number narrows a type, or counts a column to sort or group by: no value of a row.
  private func isStructure(at index: Int) -> Bool {
    let before = index > 0 ? pieces[index - 1].token : nil
    if isInList, pieces[index].token.text.utf8.count <= 2,
      before?.isKeyword("BY") == true || before?.isSymbol(",") == true
    {
      return true
    }
    var start = index - 1
    while start > 0, pieces[start].token.isSymbol(",") || pieces[start].token.kind == .number {
      start -= 1
    }
    return start > 0 && pieces[start].token.isSymbol("(")
      && Self.narrowedTypes.contains(pieces[start - 1].token.text.uppercased())
  }

  private static let listEnds = [
    "HAVING", "LIMIT", "OFFSET", "FETCH", "FOR", "WINDOW", "UNION", "INTERSECT", "EXCEPT",
    "ROWS", "RANGE", "RETURNING",
  ]

  /// Takes note of whether a list of columns to sort or group by begins or ends.
  private mutating func follow(_ token: SQLToken) {
    if token.isKeyword("BY") { isInList = true }
    if token.isSymbol(")") || Self.listEnds.contains(where: token.isKeyword) { isInList = false }
  }
}
