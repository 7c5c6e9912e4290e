/// What two programs cost beside each other.
struct Comparison: Hashable {
  var first: ChildProcess.Cost
  var second: ChildProcess.Cost

  /// Takes the medians of the runs, of which there is at least one each.
  init(_ first: [ChildProcess.Cost], _ second: [ChildProcess.Cost]) {
    self.first = Self.median(first)
    self.second = Self.median(second)
  }

  /// The first program's wall time over the second's, in hundredths.
  var ratioHundredths: Int64 {
    let other = max(1, second.wall.microseconds)
    return (first.wall.microseconds * 100 + other / 2) / other
  }

  /// The row of a table: times, ratio, memory.
  func tableRow(_ name: String) -> String {
    let ratio = "\(ratioHundredths / 100).\(Self.padded(ratioHundredths % 100))"
    let cells = [
      name, first.wall.shown, second.wall.shown, ratio, Self.mebibytes(first.peakKilobytes),
      Self.mebibytes(second.peakKilobytes),
    ]
    return "| \(cells.joined(separator: " | ")) |"
  }

  private static func median(_ costs: [ChildProcess.Cost]) -> ChildProcess.Cost {
    ChildProcess.Cost(
      wall: costs.map(\.wall).median ?? .zero,
      peakKilobytes: costs.map(\.peakKilobytes).median ?? 0)
  }

  private static func mebibytes(_ kilobytes: Int) -> String {
    let tenths = (kilobytes * 10 + 512) / 1_024
    return "\(tenths / 10).\(tenths % 10) MiB"
  }

  private static func padded(_ number: Int64) -> String { number < 10 ? "0\(number)" : "\(number)" }
}

extension Array where Element: Comparable {
  /// The one in the middle, the lower of two; nil of nothing.
  var median: Element? { isEmpty ? nil : sorted()[(count - 1) / 2] }
}

extension Duration {
  /// The time in whole microseconds.
  var microseconds: Int64 {
    components.seconds * 1_000_000 + components.attoseconds / 1_000_000_000_000
  }

  /// The time with three digits or so, for a person.
  var shown: String {
    let time = microseconds
    switch time {
    case ..<100_000: return "\(time / 1_000).\(time % 1_000 / 100) ms"
    case ..<1_000_000: return "\(time / 1_000) ms"
    default:
      let hundredths = time % 1_000_000 / 10_000
      return "\(time / 1_000_000).\(hundredths < 10 ? "0" : "")\(hundredths) s"
    }
  }
}
