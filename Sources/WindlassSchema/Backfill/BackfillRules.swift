/// Judges whether a statement can be run range by range: whether each row of the walked table is
/// dealt with in the one batch whose range holds its key, and in no other.
///
/// That holds when the range restricts the statement's own WHERE, and when what happens to one row
/// does not depend on which others are in its batch. What the text does not show, such as a
/// function that looks at other rows, is for whoever writes the file.
struct BackfillRules {
  /// What is wrong, and on which line.
  struct Problem: Hashable {
    var line: Int
    var message: String
  }

  let tokens: [SQLToken]
  /// The words that stand for markers.
  let words: [String]
  let directive: BackfillDirective
  let dialect: BackfillDialect
  /// How many parentheses and CASEs are open at each token.
  private let depths: [Int]

  init(
    tokens: [SQLToken], words: [String], directive: BackfillDirective, dialect: BackfillDialect
  ) {
    self.tokens = tokens
    self.words = words
    self.directive = directive
    self.dialect = dialect
    var depth = 0
    depths = tokens.map { token in
      if token.isSymbol(")") || token.isKeyword("END") { depth -= 1 }
      defer { if token.isSymbol("(") || token.isKeyword("CASE") { depth += 1 } }
      return depth
    }
  }

  /// The markers in the statement.
  var markers: [String] { places.map { tokens[$0].text } }

  private var places: [Int] {
    tokens.indices.filter { tokens[$0].kind == .word && words.contains(tokens[$0].text) }
  }

  /// The first thing that is wrong; nil for a statement that can be run range by range.
  var problem: Problem? {
    guard let verb else {
      return problem(
        0,
        "\(tokens[0].text) changes no rows of one table. A backfill holds UPDATE, INSERT … SELECT"
          + " or DELETE; put everything else into an expand or contract file of its own.")
    }
    if let hidden = hiddenChange(before: verb) {
      return problem(
        hidden,
        "\(tokens[hidden].text) inside a WITH changes rows whatever the range is. Make it a"
          + " statement of its own, with a range marker.")
    }
    guard let place = places.first else {
      return problem(
        verb,
        "the statement has no range marker. Write `WHERE /* windlass: range */ TRUE`, and what else"
          + " it asks for behind an AND.")
    }
    guard places.count == 1 else {
      return problem(places[1], "a second range marker in the same statement. Leave one of them.")
    }
    return wholeProblem(verb: verb) ?? placeProblem(place, verb: verb) ?? targetProblem(verb: verb)
  }

  /// The index of the word that says what the statement does; nil when that is no change of rows.
  private var verb: Int? {
    let verbs = ["UPDATE", "INSERT", "DELETE", "REPLACE"]
    if tokens[0].isKeyword("WITH") {
      let main = tokens.indices.dropFirst().first { index in
        depths[index] == 0
          && (verbs + ["SELECT", "VALUES"]).contains { tokens[index].isKeyword($0) }
      }
      return main.flatMap { index in
        verbs.contains { tokens[index].isKeyword($0) } ? index : nil
      }
    }
    return verbs.contains { tokens[0].isKeyword($0) } ? 0 : nil
  }

  /// A change of rows in one of the queries that WITH names.
  private func hiddenChange(before verb: Int) -> Int? {
    tokens[..<verb].indices.dropFirst().first { index in
      tokens[index - 1].isSymbol("(")
        && ["UPDATE", "INSERT", "DELETE", "REPLACE", "MERGE"].contains {
          tokens[index].isKeyword($0)
        }
    }
  }

  // MARK: The marker's place

  private func placeProblem(_ place: Int, verb: Int) -> Problem? {
    let advice = "Write it as `WHERE /* windlass: range */ TRUE AND …`."
    guard depths[place] == 0, place > verb else {
      return problem(
        place,
        "the range marker stands inside parentheses, where it need not restrict the rows that are"
          + " changed. It belongs into the statement's own WHERE. \(advice)")
    }
    guard tokens.indices.contains(place + 1), tokens[place + 1].isKeyword("TRUE") else {
      return problem(
        place, "behind the range marker there is no TRUE, which stands for the range. \(advice)")
    }
    let isOperand =
      tokens[place - 1].isKeyword("WHERE")
      || (tokens[place - 1].isKeyword("AND") && !closesBetween(place - 1))
    guard isOperand, endsOperand(place + 2) else {
      return problem(
        place,
        "the range marker is only a part of a condition. It has to be joined to the rest of the"
          + " WHERE by AND. \(advice)")
    }
    guard let clause = clause(around: place) else {
      return problem(place, "the range marker stands in no WHERE. \(advice)")
    }
    if let either = clause.first(where: { isEither($0) }) {
      return problem(
        either,
        "an OR stands beside the range marker, so that rows outside the range are changed as well."
          + " Put the conditions that it joins into parentheses.")
    }
    return nil
  }

  /// Whether an AND belongs to the BETWEEN in front of it.
  private func closesBetween(_ and: Int) -> Bool {
    for index in tokens[..<and].indices.reversed() where depths[index] == 0 {
      if tokens[index].isKeyword("BETWEEN") { return true }
      if ["AND", "OR", "WHERE"].contains(where: { tokens[index].isKeyword($0) }) { return false }
    }
    return false
  }

  /// Whether a condition ends in front of that token.
  private func endsOperand(_ index: Int) -> Bool {
    guard tokens.indices.contains(index) else { return true }
    return ["AND", "ORDER", "RETURNING", "ON", "LOCK", "FOR"].contains {
      tokens[index].isKeyword($0)
    }
  }

  /// The tokens of the WHERE that the marker stands in, outside parentheses.
  private func clause(around place: Int) -> [Int]? {
    guard
      let start = tokens[..<place].indices.last(where: {
        depths[$0] == 0 && tokens[$0].isKeyword("WHERE")
      })
    else { return nil }
    let ends = ["ORDER", "RETURNING", "ON", "LOCK", "FOR"]
    let end =
      tokens[place...].indices.first { index in
        depths[index] == 0 && ends.contains { tokens[index].isKeyword($0) }
      } ?? tokens.count
    return (start..<end).filter { depths[$0] == 0 }
  }

  private func isEither(_ index: Int) -> Bool {
    if tokens[index].isKeyword("OR") { return true }
    guard dialect.barsMeanOr else { return false }
    if tokens[index].isKeyword("XOR") { return true }
    return tokens[index].isSymbol("|") && tokens.indices.contains(index + 1)
      && tokens[index + 1].isSymbol("|")
  }

  // MARK: The statement as a whole

  /// What makes a row's fate depend on the other rows of its batch.
  private func wholeProblem(verb: Int) -> Problem? {
    let outer = tokens.indices.filter { depths[$0] == 0 && $0 >= verb }
    for index in outer {
      let token = tokens[index]
      let next = tokens.indices.contains(index + 1) ? tokens[index + 1] : nil
      let word = token.kind == .word ? token.text.uppercased() : ""
      let isCall = next?.isSymbol("(") == true
      let isJoining = ["UNION", "INTERSECT", "EXCEPT", "HAVING"].contains(word)
      let isGrouping = word == "GROUP" && next?.isKeyword("BY") == true
      let isCutting = word == "LIMIT" && next.map { $0.kind == .number } == true
      let isDistinct =
        word == "DISTINCT" && index > 0 && tokens[index - 1].isKeyword("SELECT")
      if isJoining || isGrouping || isCutting || isDistinct {
        return problem(
          index,
          "\(word) makes a row depend on the others of its batch, so that ranges give another"
            + " result than the whole. Compute it row by row, for example by a subquery in"
            + " parentheses."
        )
      }
      if isCall, Self.aggregates.contains(word) || word == "OVER" {
        return problem(
          index,
          "\(word) adds up the rows of its batch, so that ranges give another result than the"
            + " whole. Compute it row by row, for example by a subquery in parentheses.")
      }
    }
    return nil
  }

  /// Functions over many rows; `min` and `max` are left out, which SQLite has for one row as well.
  private static let aggregates: Set<String> = [
    "ARRAY_AGG", "AVG", "COUNT", "GROUP_CONCAT", "JSON_AGG", "JSONB_AGG", "STRING_AGG", "SUM",
    "TOTAL",
  ]

  // MARK: The tables

  /// What keeps the walk of the table from seeing each row once.
  private func targetProblem(verb: Int) -> Problem? {
    let table = directive.plainTable.lowercased()
    guard tokens.contains(where: { isName($0, table) }) else {
      return problem(
        verb,
        "the statement does not name the table \(directive.table) that the first line names, so"
          + " that its keys say nothing about the rows here. Name the table that they come from."
      )
    }
    switch tokens[verb].text.uppercased() {
    case "INSERT", "REPLACE":
      guard let into = tokens[verb...].indices.first(where: { tokens[$0].isKeyword("INTO") }),
        let target = lastNamePart(from: into + 1), isName(tokens[target], table)
      else { return nil }
      return problem(
        target,
        "rows are inserted into \(directive.table) while it is walked, and would be walked as well."
          + " Insert them into another table.")
    case "UPDATE":
      guard let changed = changedKey(verb: verb) else { return nil }
      return problem(
        changed,
        "the key \(directive.key) is changed while the table is walked by it, so that rows would be"
          + " met twice or never. Walk by another key.")
    default: return nil
    }
  }

  /// Where an UPDATE of the walked table sets the key.
  private func changedKey(verb: Int) -> Int? {
    guard let set = tokens[verb...].indices.first(where: { depths[$0] == 0 && isSet($0) }),
      tokens[verb..<set].contains(where: { isName($0, directive.plainTable.lowercased()) })
    else { return nil }
    let end =
      tokens[set...].indices.first { depths[$0] == 0 && tokens[$0].isKeyword("WHERE") }
      ?? tokens.count
    return (set + 1..<end).first { index in
      guard isName(tokens[index], directive.key.lowercased()) else { return false }
      // `id = …` behind SET or a comma, after the table's name or not; `(id, a) = (…)`.
      var before = index - 1
      if tokens[before].isSymbol(".") { before -= 2 }
      let next = tokens.indices.contains(index + 1) ? tokens[index + 1] : nil
      if depths[index] == 0 {
        return (before == set || tokens[before].isSymbol(",")) && next?.isSymbol("=") == true
      }
      return depths[index] == 1 && isInTarget(index, after: set)
    }
  }

  /// Whether the parentheses around a name are the left side of an assignment.
  private func isInTarget(_ index: Int, after set: Int) -> Bool {
    guard
      let opening = tokens[..<index].indices.last(where: {
        depths[$0] == 0 && tokens[$0].isSymbol("(")
      })
    else { return false }
    return opening - 1 == set || tokens[opening - 1].isSymbol(",")
  }

  private func isSet(_ index: Int) -> Bool { tokens[index].isKeyword("SET") }

  /// The last part of the name that begins there.
  private func lastNamePart(from start: Int) -> Int? {
    guard tokens.indices.contains(start) else { return nil }
    let isQualified =
      tokens.indices.contains(start + 2) && tokens[start + 1].isSymbol(".")
    return isQualified ? start + 2 : start
  }

  private func isName(_ token: SQLToken, _ name: String) -> Bool {
    (token.kind == .word || token.kind == .quotedName) && token.text.lowercased() == name
  }

  private func problem(_ index: Int, _ message: String) -> Problem {
    Problem(line: tokens[index].line, message: message)
  }
}
