import CLinux
import Glibc
import WindlassWire

/// Shows the daemon's answers to `history` and `notes` to a person.
enum HistoryView {
  /// Shows ended runs; a single one with its evidence.
  static func show(_ body: JSONValue, _ output: Output) {
    let runs = body["runs"]?.array ?? []
    guard !runs.isEmpty else {
      output.line("No run has ended yet.")
      return
    }
    let table = rows(runs)
    output.table(header: table.header, rows: table.rows)
    guard runs.count == 1 else { return }
    for sentence in (runs[0]["evidence"]?.array ?? []).compactMap(\.string) {
      output.line("  ", Span(sentence))
    }
  }

  /// Ended runs as a table.
  static func rows(_ runs: [JSONValue]) -> StatusView.Table {
    let rows = runs.map { run -> [Span] in
      let ending = run["ending"]?.string ?? "?"
      return [
        Span(run["id"]?.string ?? "?"), Span(run["from"]?.string ?? "-"),
        Span(run["to"]?.string ?? "?"),
        ending.lowercased() == "completed" ? .good(ending) : .bad(ending),
        Span(run["verdict"]?.string ?? "-"),
        Span(run["endedAt"]?.integer.map(time) ?? ""), Span(run["reason"]?.string ?? ""),
      ]
    }
    return StatusView.Table(
      header: ["run", "from", "to", "ending", "verdict", "ended", "reason"], rows: rows)
  }

  /// Milliseconds since 1970 as `2026-11-22 21:37:05Z`.
  static func time(_ milliseconds: Int64) -> String {
    var seconds = time_t(milliseconds / 1_000)
    var parts = tm()
    guard gmtime_r(&seconds, &parts) != nil else { return "\(milliseconds) ms" }
    let date = [Int(parts.tm_year) + 1900, Int(parts.tm_mon) + 1, Int(parts.tm_mday)]
    let clock = [Int(parts.tm_hour), Int(parts.tm_min), Int(parts.tm_sec)]
    return date.map(twoDigits).joined(separator: "-") + " "
      + clock.map(twoDigits).joined(separator: ":") + "Z"
  }

  private static func twoDigits(_ number: Int) -> String {
    number < 10 ? "0\(number)" : "\(number)"
  }
}

/// Shows the daemon's answer to `notes` to a person.
enum NotesView {
  /// Shows the notes of each release; they are foreign text, so nothing in them is obeyed.
  static func show(_ body: JSONValue, _ output: Output) {
    let releases = body["releases"]?.array ?? []
    if releases.isEmpty { output.line("No release is above the deployed one.") }
    for release in releases {
      output.line(
        .strong(release["version"]?.string ?? "?"),
        .faint("  severity \(release["severity"]?.string ?? "normal")"))
      if let reason = release["yanked"]?.string {
        output.line("  ", .bad("withdrawn: "), Span(reason))
      }
      for line in (release["notes"]?.string ?? "").split(
        separator: "\n", omittingEmptySubsequences: false)
      {
        output.line("  ", Span(String(line)))
      }
    }
  }
}
