/// One significant piece of SQL text; blanks and comments are none.
package struct SQLToken: Hashable, Sendable {
  /// What a token is, as far as splitting and classifying need it.
  package enum Kind: Hashable, Sendable {
    /// A keyword or a bare name.
    case word
    /// A name in double quotes, back quotes or brackets.
    case quotedName
    /// A text or blob in single quotes.
    case literal
    case number
    /// A parameter: `?1`, `:name`, `@name`, `$name`.
    case parameter
    /// Any other character.
    case symbol
  }

  package var kind: Kind
  /// The token as written; a quoted name without its quotes.
  package var text: String
  /// The line that it begins on, from 1.
  package var line: Int

  /// Whether the token is the keyword, which is given in upper case.
  package func isKeyword(_ keyword: String) -> Bool {
    kind == .word && text.utf8.count == keyword.utf8.count && text.uppercased() == keyword
  }

  /// Whether the token is the symbol.
  package func isSymbol(_ symbol: String) -> Bool { kind == .symbol && text == symbol }
}

/// What keeps a text from being cut into tokens.
package struct SQLTokenError: Error, Hashable, Sendable {
  /// What is wrong, as the end of a sentence that begins with the line.
  package var reason: String
  /// The line that the trouble begins on, from 1.
  package var line: Int
}
