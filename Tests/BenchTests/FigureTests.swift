import Testing

@testable import bench

/// What the measurements print.
@Suite struct FigureTests {
  private static func cost(_ milliseconds: Int, _ kilobytes: Int) -> ChildProcess.Cost {
    ChildProcess.Cost(wall: .milliseconds(milliseconds), peakKilobytes: kilobytes)
  }

  @Test func `a row has medians and their ratio`() {
    let comparison = Comparison(
      [Self.cost(4, 9_000), Self.cost(900, 1_024), Self.cost(6, 10_240)],
      [Self.cost(20, 20_480), Self.cost(10, 20_480), Self.cost(12, 20_480)])
    #expect(
      comparison.tableRow("nothing") == "| nothing | 6.0 ms | 12.0 ms | 0.50 | 8.8 MiB | 20.0 MiB |"
    )
    #expect(comparison.ratioHundredths == 50)
  }

  @Test(arguments: [
    (Duration.microseconds(4_060), "4.0 ms"), (.milliseconds(386), "386 ms"),
    (.milliseconds(7_750), "7.75 s"), (.milliseconds(78_030), "78.03 s"),
  ])
  func `times are short`(time: Duration, text: String) {
    #expect(time.shown == text)
  }

  @Test func `the lower of two in the middle is the median, and nothing has none`() {
    #expect([4, 1, 3, 2].median == 2)
    #expect([Int]().median == nil)
  }

  @Test func `each stall stands in one row of the histogram`() {
    let stalls: [Duration] = [10, 11, 60, 61, 120, 121, 1_000, 5_000].map { .milliseconds($0) }
    let table = StallTable(columns: [.init(name: "all", stalls: stalls)])
    let counts = table.lines.dropFirst(5).map { $0.split(separator: "|").last ?? "" }
      .map { Int($0.filter(\.isNumber)) ?? 0 }
    #expect(counts == [1, 1, 0, 1, 1, 0, 1, 1, 1, 1])
    #expect(table.lines.contains("| median | 61.0 ms |"))
    #expect(table.lines.contains("| longest | 5.00 s |"))
    #expect(table.lines.last == "| longer than 1 s | 1 |")
  }
}
