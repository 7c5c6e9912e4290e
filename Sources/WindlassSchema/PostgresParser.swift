internal import CPgQuery

/// PostgreSQL's own parser, of version 15, as far as Windlass asks it.
///
/// Its grammar keeps its stack on the heap and refuses more than 10,000 levels; but it writes trees
/// by recursion, with up to 170 bytes for each token of a statement. So no tree is asked for a
/// statement of more than ``tokensMax`` tokens, which takes at most 170 KiB of any thread's stack.
/// All of its state belongs to the calling thread.
enum PostgresParser {
  /// The most tokens of a statement whose tree is asked for.
  static let tokensMax = 1_000
  /// The longest text that is cut into statements, in bytes; a longer one holds rows.
  static let textMax = 1_048_576

  /// Where the statements of a text stand in its UTF-8, blanks and comments before them included.
  ///
  /// - Returns: nil for a text that the parser does not know, which may be of a newer version.
  static func statements(in text: String) -> [Range<Int>]? {
    // A zero byte ends the text for C.
    guard text.utf8.count <= textMax, !text.utf8.contains(0) else { return nil }
    let result = pg_query_split_with_parser(text)
    // "pg_query_free_…_result" releases everything that a result points to.
    defer { pg_query_free_split_result(result) }
    guard result.error == nil else { return nil }
    let found = UnsafeBufferPointer(start: result.stmts, count: Int(result.n_stmts))
    return found.compactMap { statement in
      statement.map {
        let start = Int($0.pointee.stmt_location)
        return start..<start + Int($0.pointee.stmt_len)
      }
    }
  }

  /// The tree of one statement, which has so many tokens.
  ///
  /// - Returns: nil for a statement that the parser does not know or that is too long for it.
  static func tree(of statement: String, tokens: Int) -> PostgresTree? {
    guard tokens <= tokensMax, statement.utf8.count <= textMax, !statement.utf8.contains(0) else {
      return nil
    }
    let result = pg_query_parse(statement)
    defer { pg_query_free_parse_result(result) }
    guard result.error == nil, let text = result.parse_tree else { return nil }
    return PostgresTree(json: Array(String(cString: text).utf8))
  }
}
