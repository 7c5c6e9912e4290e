/// Decides which transfer starts next: a few at a time per host, hosts in turn.
///
/// Transfers wait here and not inside libcurl, whose own queue starves and forgets deadlines.
struct Admission<Transfer> {
  /// Those of one host.
  private struct Line {
    var underWay = 0
    var waiting: [Transfer] = []
    /// Entries of `waiting` that have left it.
    var first = 0
    var isEmpty: Bool { first == waiting.count }

    mutating func pop() -> Transfer {
      let transfer = waiting[first]
      first += 1
      if first * 2 > waiting.count {
        waiting.removeFirst(first)
        first = 0
      }
      return transfer
    }
  }

  private let totalMax: Int
  private let perHostMax: Int
  private var lines: [String: Line] = [:]
  /// Hosts with someone waiting and a free place, each once, in the order of their turn.
  private var turns: [String] = []
  /// Transfers that have started and not finished.
  private(set) var underWay = 0
  /// Transfers in line.
  private(set) var waiting = 0

  /// Makes an admission that lets so many pass in all and per host.
  init(totalMax: Int, perHostMax: Int) {
    self.totalMax = totalMax
    self.perHostMax = perHostMax
  }

  /// Puts a transfer at the end of its host's line.
  mutating func enqueue(_ transfer: Transfer, host: String) {
    var line = lines[host] ?? Line()
    let hadTurn = !line.isEmpty && line.underWay < perHostMax
    line.waiting.append(transfer)
    waiting += 1
    if !hadTurn && line.underWay < perHostMax { turns.append(host) }
    lines[host] = line
  }

  /// Takes the next transfer that may start; it counts as under way until `finish`.
  mutating func next() -> Transfer? {
    guard underWay < totalMax, !turns.isEmpty else { return nil }
    let host = turns.removeFirst()
    guard var line = lines.removeValue(forKey: host) else { return nil }
    let transfer = line.pop()
    line.underWay += 1
    underWay += 1
    waiting -= 1
    if !line.isEmpty && line.underWay < perHostMax { turns.append(host) }
    lines[host] = line
    return transfer
  }

  /// Frees the place of a transfer that was under way to that host.
  mutating func finish(host: String) {
    guard var line = lines[host], line.underWay > 0 else { return }
    let hadTurn = !line.isEmpty && line.underWay < perHostMax
    line.underWay -= 1
    underWay -= 1
    if !hadTurn && !line.isEmpty { turns.append(host) }
    lines[host] = line.underWay == 0 && line.isEmpty ? nil : line
  }
}
