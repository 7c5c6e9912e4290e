import WindlassCore
import WindlassSchema

/// A statement as the performance schema keeps it, made fit for being prepared again.
///
/// The server writes `?` for each value and `...` for several, and blanks where its own grammar
/// wants none. A text that a client prepared may hold values still: those become `?` as well, and
/// comments are dropped, so that no value gets through here.
struct DigestText {
  /// Why a statement is not kept, for a person.
  enum Omission: String, Error {
    case unreadable = "texts that can't be read"
    case cutOff = "texts that the server has cut off: raise max_digest_length"
    case notAsked = "statements that no server prepares, such as changes of the schema"
    case windlass = "Windlass's own and golang-migrate's"
    case catalogue = "questions about the server itself"
  }

  /// One significant piece.
  private struct Part {
    var kind: MySQLPiece.Kind
    var text: String
    /// Whether a blank stands before it.
    var isApart: Bool

    func isWord(_ words: String...) -> Bool {
      kind == .word && words.contains(text.uppercased())
    }

    func isSymbol(_ symbol: String) -> Bool { kind == .symbol && text == symbol }

    var isValue: Bool { isSymbol("?") || kind == .literal || kind == .number }
  }

  private var parts: [Part]

  /// Makes the statement fit.
  ///
  /// - Parameter ledger: the ledger's table, whose statements are not the service's.
  static func cleaned(_ text: String, ledger: String) -> Result<String, Omission> {
    guard let parts = parts(of: text), let first = parts.first(where: { !$0.isSymbol("(") }) else {
      return .failure(.unreadable)
    }
    let verbs = ["SELECT", "INSERT", "REPLACE", "UPDATE", "DELETE", "WITH", "VALUES", "TABLE"]
    guard first.kind == .word, verbs.contains(first.text.uppercased()) else {
      return .failure(.notAsked)
    }
    guard isBalanced(parts) else { return .failure(.cutOff) }
    let names = parts.filter { $0.kind == .word || $0.kind == .quotedName }.map {
      $0.text.lowercased().filter { $0 != "`" }
    }
    if names.contains(where: { $0.hasPrefix("windlass_") || $0 == ledger.lowercased() }) {
      return .failure(.windlass)
    }
    let catalogues: Set = ["information_schema", "performance_schema", "mysql", "sys"]
    if names.contains(where: catalogues.contains) { return .failure(.catalogue) }
    var statement = DigestText(parts: parts)
    statement.dropValues()
    statement.dropTypes()
    statement.fillLists()
    return .success(statement.text)
  }

  private static func parts(of text: String) -> [Part]? {
    let bytes = Array(text.utf8)
    // Without a closing quote it was cut off, or is no text of this dialect.
    guard let pieces = try? MySQLTokenizer.pieces(of: bytes) else { return nil }
    var parts: [Part] = []
    var isApart = false
    for piece in pieces {
      let text = String(decoding: bytes[piece.range], as: UTF8.self)
      switch piece.kind {
      case .blank, .comment: isApart = true
      // What of it is run depends on the server.
      case .conditionOpening, .conditionClosing: return nil
      case .symbol where text == "." && !isApart && [".", ".."].contains(parts.last?.text):
        parts[parts.count - 1].text += "."
      case .word, .quotedName, .literal, .number, .variable, .symbol:
        parts.append(Part(kind: piece.kind, text: text, isApart: isApart))
        isApart = false
      }
    }
    return parts
  }

  private static func isBalanced(_ parts: [Part]) -> Bool {
    var depth = 0
    for part in parts {
      if part.isSymbol("(") { depth += 1 }
      if part.isSymbol(")") { depth -= 1 }
      if depth < 0 { return false }
    }
    guard depth == 0, parts.last?.text == "..." else { return depth == 0 }
    // A text that was cut off ends so, and one that ends in a list of values, as in `LIMIT ?, ...`.
    return parts.count > 2 && parts[parts.count - 2].isSymbol(",")
      && parts[parts.count - 3].isSymbol("?")
  }

  // MARK: Values

  /// Puts `?` in the place of each value, and a path where the grammar wants one.
  private mutating func dropValues() {
    var kept: [Part] = []
    for (index, part) in parts.enumerated() {
      guard part.isValue, !isStructure(at: index) else {
        kept.append(part)
        continue
      }
      // `_utf8mb4'…'`, `x'…'` and `DATE '…'` are read with a text alone.
      var value = Part(kind: .symbol, text: "?", isApart: part.isApart)
      if let before = kept.last, before.kind == .word, isIntroducer(before, of: part) {
        value.isApart = before.isApart
        kept.removeLast()
      }
      if isPath(kept) { value.text = "'$'" }
      kept.append(value)
    }
    parts = kept
  }

  private func isIntroducer(_ word: Part, of value: Part) -> Bool {
    if word.text.hasPrefix("_") { return true }
    if word.isWord("DATE", "TIME", "TIMESTAMP") { return true }
    return value.kind == .literal && !value.isApart && word.isWord("X", "B", "N")
  }

  /// Whether a value is the path behind `->` or `->>`.
  private func isPath(_ kept: [Part]) -> Bool {
    var rest = kept[...]
    guard rest.popLast()?.isSymbol(">") == true else { return false }
    if rest.last?.isSymbol(">") == true { rest.removeLast() }
    return rest.last?.isSymbol("-") == true
  }

  /// Whether a number counts a column to sort or group by.
  private func isStructure(at index: Int) -> Bool {
    let part = parts[index]
    guard part.kind == .number, part.text.utf8.count <= 2, index > 0 else { return false }
    return parts[index - 1].isWord("BY")
  }

  /// Drops what narrows a type in a cast, where no parameter may stand, and the server's own names
  /// of the units of time.
  private mutating func dropTypes() {
    var index = 0
    while index + 2 < parts.count {
      if parts[index].kind == .word, parts[index].text.uppercased().hasPrefix("SQL_TSI_") {
        parts[index].text.removeFirst("SQL_TSI_".count)
      }
      let types = [
        "CHAR", "CHARACTER", "NCHAR", "BINARY", "DECIMAL", "DATETIME", "TIME", "DOUBLE", "FLOAT",
      ]
      if parts[index].isWord("AS"), types.contains(parts[index + 1].text.uppercased()),
        parts[index + 2].isSymbol("("),
        let end = parts[(index + 2)...].firstIndex(where: { $0.isSymbol(")") })
      {
        parts.removeSubrange((index + 2)...end)
      }
      index += 1
    }
    if let last = parts.last, last.kind == .word, last.text.uppercased().hasPrefix("SQL_TSI_") {
      parts[parts.count - 1].text.removeFirst("SQL_TSI_".count)
    }
  }

  // MARK: Lists

  /// Puts values in the place of `...`: as many as the table's columns in a list of VALUES, and one
  /// anywhere else.
  private mutating func fillLists() {
    let columns = insertedColumns
    var index = 0
    var inValues = false
    while index < parts.count {
      if parts[index].isWord("VALUES", "VALUE") { inValues = true }
      if parts[index].isWord("ON", "RETURNING", "AS") { inValues = false }
      guard parts[index].text == "..." else {
        index += 1
        continue
      }
      let missing = inValues ? columns.flatMap { missingValues($0, around: index) } : nil
      // A call or a list of unknown length gets two at least, as the server writes one as `?`.
      let count = max(1, missing ?? (isAlone(index) && !isMembership(index) ? 2 : 1))
      var values: [Part] = []
      for number in 0..<count {
        if number > 0 { values.append(Part(kind: .symbol, text: ",", isApart: false)) }
        values.append(
          Part(kind: .symbol, text: "?", isApart: number > 0 || parts[index].isApart))
      }
      parts.replaceSubrange(index...index, with: values)
      index += values.count
    }
  }

  private func isAlone(_ index: Int) -> Bool { index > 0 && parts[index - 1].isSymbol("(") }

  private func isMembership(_ index: Int) -> Bool { index > 1 && parts[index - 2].isWord("IN") }

  /// How many columns an INSERT or REPLACE names; nil for any other statement and for one that
  /// names none.
  private var insertedColumns: Int? {
    guard parts[0].isWord("INSERT", "REPLACE"),
      let open = parts.firstIndex(where: { $0.isSymbol("(") }),
      let close = parts[open...].firstIndex(where: { $0.isSymbol(")") }),
      close + 1 < parts.count, parts[close + 1].isWord("VALUES", "VALUE")
    else { return nil }
    return parts[open..<close].count { $0.isSymbol(",") } + 1
  }

  /// How many of the columns have no value of their own in the row that the place is in.
  private func missingValues(_ columns: Int, around place: Int) -> Int? {
    var (start, depth) = (place - 1, 0)
    while start >= 0 {
      if parts[start].isSymbol(")") { depth += 1 }
      if parts[start].isSymbol("(") {
        guard depth > 0 else { break }
        depth -= 1
      }
      start -= 1
    }
    // Inside a call in the row the number of its arguments is not known.
    guard start > 0, parts[start - 1].isWord("VALUES", "VALUE") || parts[start - 1].isSymbol(",")
    else { return nil }
    var (others, index) = (0, start + 1)
    depth = 0
    while index < parts.count {
      if parts[index].isSymbol("(") { depth += 1 }
      if parts[index].isSymbol(")") {
        guard depth > 0 else { break }
        depth -= 1
      }
      if depth == 0, parts[index].isSymbol(",") { others += 1 }
      index += 1
    }
    return columns - others
  }

  private var text: String {
    var text = ""
    for (index, part) in parts.enumerated() {
      // `COUNT ( * )` is a call only without the blank.
      let isCall = part.isSymbol("(") && index > 0 && parts[index - 1].kind == .word
      if part.isApart, !isCall, !text.isEmpty { text += " " }
      text += part.text
    }
    return text
  }
}
