/// Lays cells out in columns.
struct TextTable {
  var header: [String]
  var rows: [[Span]]

  /// The header, in upper case, and the rows; the last column is not padded.
  var lines: [[Span]] {
    let rows = rows.map { $0.map(TextTable.onOneLine) }
    let all = [header.map { Span($0.uppercased(), .faint) }] + rows
    let columns = all.map(\.count).max() ?? 0
    let widths = (0..<columns).map { column in
      all.map { column < $0.count ? Span.escaped($0[column].text).count : 0 }.max() ?? 0
    }
    return all.map { cells in
      // Blanks that nobody sees are not written.
      let row = cells.prefix((cells.lastIndex { !$0.text.isEmpty } ?? -1) + 1)
      return row.enumerated().flatMap { index, cell -> [Span] in
        guard index < row.count - 1 else { return [cell] }
        let blanks = widths[index] - Span.escaped(cell.text).count + 2
        return [cell, Span(String(repeating: " ", count: blanks))]
      }
    }
  }

  /// The cell with blanks for line breaks, which would end its row.
  private static func onOneLine(_ cell: Span) -> Span {
    Span(String(cell.text.map { $0.isNewline ? " " : $0 }), cell.tone)
  }
}
