package import WindlassCore

/// A backfill file: changes of rows, each of which can be run for a range of keys.
package struct Backfill: Hashable, Sendable {
  package var directive: BackfillDirective
  /// In the file's order; all of them run in each batch's transaction.
  package var statements: [BackfillStatement]

  /// Reads a file; nil for one that is run as an ordinary migration.
  ///
  /// - Throws: `MigrationRefused` for a file that can't be run range by range, naming the line.
  package init?(_ body: MigrationBody, dialect: BackfillDialect) throws(StepFailure) {
    let findings = Self.findings(in: body, dialect: dialect)
    if let failure = findings.failure { throw failure }
    guard let directive = body.backfill else { return nil }
    do throws(SQLTokenError) {
      let markers = try BackfillMarkers(body.text)
      let pieces = try dialect.pieces(of: markers.text)
      self.directive = directive
      statements = pieces.compactMap { BackfillStatement($0, markers) }
    } catch {
      throw Self.unreadable(error, file: body.file).failure
    }
  }

  /// Everything that keeps a file from being run range by range, in order of lines; nothing for one
  /// that has no range and asks for none.
  package static func findings(
    in body: MigrationBody, dialect: BackfillDialect
  ) -> [BodyFinding] {
    let markers: BackfillMarkers
    let pieces: [BackfillDialect.Piece]
    do throws(SQLTokenError) {
      markers = try BackfillMarkers(body.text)
      guard body.backfill != nil || !markers.words.isEmpty else { return [] }
      pieces = try dialect.pieces(of: markers.text)
    } catch {
      return [unreadable(error, file: body.file)]
    }
    guard let directive = body.backfill else {
      return [
        finding(
          body.file, markers.lines[0],
          "there is a range marker, and the first line names no table and key. Make it"
            + " `-- windlass: backfill table=flags key=id`, or remove the marker.")
      ]
    }
    return findings(in: pieces, markers, directive, dialect, file: body.file)
  }

  private static func findings(
    in pieces: [BackfillDialect.Piece], _ markers: BackfillMarkers, _ directive: BackfillDirective,
    _ dialect: BackfillDialect, file: String
  ) -> [BodyFinding] {
    guard !pieces.isEmpty else {
      return [finding(file, 1, "a backfill without a statement. Write one, or remove the file.")]
    }
    var findings: [BodyFinding] = []
    var met: Set<String> = []
    for piece in pieces {
      let rules = BackfillRules(
        tokens: piece.tokens, words: markers.words, directive: directive, dialect: dialect)
      met.formUnion(rules.markers)
      if let problem = rules.problem {
        findings.append(finding(file, problem.line, problem.message))
      }
    }
    for (index, word) in markers.words.enumerated() {
      if !met.contains(word) {
        findings.append(
          finding(
            file, markers.lines[index],
            "the range marker stands inside a text, a name or another comment. Put it in front of"
              + " a TRUE of the statement's WHERE."))
      } else if let column = markers.columns[index],
        column.lowercased() != directive.key.lowercased()
      {
        findings.append(
          finding(
            file, markers.lines[index],
            "the range marker names the column \(column), and the first line the key"
              + " \(directive.key). Name the same column in both."))
      }
    }
    return findings.sorted { $0.line < $1.line }
  }

  private static func finding(_ file: String, _ line: Int, _ message: String) -> BodyFinding {
    BodyFinding(kind: .backfill, file: file, line: line, message: message)
  }

  private static func unreadable(_ error: SQLTokenError, file: String) -> BodyFinding {
    BodyFinding(
      kind: .unreadable, file: file, line: error.line, message: "\(error.reason). Correct the file."
    )
  }
}

/// One statement of a backfill, open at the place where its range goes.
package struct BackfillStatement: Hashable, Sendable {
  private let before: String
  private let after: String
  /// What stands in front of the key's name in the statement, without a dot; nil for nothing.
  package let qualifier: String?
  /// The line that it begins on, from 1.
  package let line: Int

  init?(_ piece: BackfillDialect.Piece, _ markers: BackfillMarkers) {
    guard
      let index = markers.words.firstIndex(where: { word in
        piece.tokens.contains { $0.kind == .word && $0.text == word }
      }),
      let range = piece.text.firstRange(of: markers.words[index])
    else { return nil }
    before = String(piece.text[..<range.lowerBound])
    after = String(piece.text[range.upperBound...])
    qualifier = markers.qualifiers[index]
    line = piece.tokens[0].line
  }

  /// The statement for the rows that the condition is true of.
  package func text(where condition: String) -> String {
    // Behind it stands the TRUE that the file has there.
    "\(before)(\(condition)) AND\(after)"
  }

  /// The key as the statement names it; the qualifier stays without quotes, so that the server
  /// reads it as it reads the statement's own.
  package func name(of quotedKey: String) -> String {
    qualifier.map { "\($0).\(quotedKey)" } ?? quotedKey
  }
}

extension BodyFinding {
  /// The failure for this finding alone.
  fileprivate var failure: StepFailure {
    StepFailure(code: "MigrationRefused", disposition: .stop, message: description)
  }
}
