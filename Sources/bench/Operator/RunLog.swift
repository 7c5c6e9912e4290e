import WindlassCore

/// What the operator's log says of runs: when each service's began and ended.
struct RunLog: Sendable {
  /// One service's run.
  struct Entry: Sendable {
    var began: Timestamp
    var ended: Timestamp?
    var ending: String?
  }

  private(set) var entries: [String: Entry] = [:]

  /// Reads a log from its beginning.
  init(_ text: String) {
    for line in text.split(separator: "\n") {
      guard let service = Self.value("service", in: line),
        let time = line.split(separator: " ").first.flatMap({ Timestamp(rfc3339: String($0)) })
      else { continue }
      if line.contains("Run entered phase"), entries[service] == nil {
        entries[service] = Entry(began: time)
      } else if line.contains("Run ended") {
        entries[service]?.ended = time
        entries[service]?.ending = Self.value("ending", in: line)
      }
    }
  }

  /// Runs that came to their good end.
  var completedCount: Int { entries.values.count { $0.ending == "Completed" } }

  /// The most that were open at a time.
  var openMax: Int {
    var moments: [(time: Timestamp, change: Int)] = []
    for entry in entries.values {
      moments.append((entry.began, 1))
      if let ended = entry.ended { moments.append((ended, -1)) }
    }
    // What ends and what begins within one millisecond is not counted as both.
    moments.sort { ($0.time, $0.change) < ($1.time, $1.change) }
    var (open, most) = (0, 0)
    for moment in moments {
      open += moment.change
      most = max(most, open)
    }
    return most
  }

  /// The seconds from a moment to the end of each run, ascending.
  func waits(since start: Timestamp) -> [Double] {
    entries.values.compactMap(\.ended)
      .map { Double(($0 - start).milliseconds) / 1_000 }.sorted()
  }

  private static func value(_ key: String, in line: Substring) -> String? {
    guard let start = line.firstRange(of: " \(key)=\"")?.upperBound,
      let end = line[start...].firstIndex(of: "\"")
    else { return nil }
    return String(line[start..<end])
  }
}
