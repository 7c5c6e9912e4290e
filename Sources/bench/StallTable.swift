/// The longest stall of each trial, by what changed the table.
struct StallTable {
  /// The trials of one kind.
  struct Column: Hashable {
    var name: String
    var stalls: [Duration]
  }

  var columns: [Column]

  /// The upper ends of the histogram's rows; longer stalls have a row of their own.
  private static let ends: [Duration] = [
    .milliseconds(10), .milliseconds(20), .milliseconds(40), .milliseconds(60), .milliseconds(80),
    .milliseconds(100), .milliseconds(120), .milliseconds(200), .seconds(1),
  ]

  /// The table, a line each.
  var lines: [String] {
    let header = line("longest stall of a trial", columns.map(\.name))
    let rule = "|---|" + columns.map { _ in "---|" }.joined()
    let figures = [
      line("trials", columns.map { "\($0.stalls.count)" }),
      line("median", columns.map { $0.stalls.median?.shown ?? "" }),
      line("longest", columns.map { $0.stalls.max()?.shown ?? "" }),
    ]
    var rows: [String] = []
    var before: Duration?
    for end in Self.ends.map(Optional.some) + [nil] {
      let name =
        end.map { "up to \($0.shortText)" } ?? "longer than \(Self.ends.last?.shortText ?? "")"
      rows.append(
        line(
          name,
          columns.map { column in
            let count = column.stalls.count { stall in
              before.map { stall > $0 } ?? true && end.map { stall <= $0 } ?? true
            }
            return count == 0 ? "" : "\(count)"
          }))
      before = end
    }
    return [header, rule] + figures + rows
  }

  private func line(_ name: String, _ cells: [String]) -> String {
    "| " + ([name] + cells).joined(separator: " | ") + " |"
  }
}

extension Duration {
  /// A time of whole milliseconds or seconds.
  fileprivate var shortText: String {
    microseconds % 1_000_000 == 0
      ? "\(microseconds / 1_000_000) s" : "\(microseconds / 1_000) ms"
  }
}
