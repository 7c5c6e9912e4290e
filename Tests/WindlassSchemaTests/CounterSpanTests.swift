import Testing
import WindlassCore
import WindlassSchema

/// Counters that go on while a backup is taken.
struct CounterSpanTests {
  private static func contents(_ counters: [CounterSpan]?) -> DatabaseContents {
    DatabaseContents(tables: [], fingerprint: "ff", counters: counters)
  }

  private static func differences(
    _ counters: [CounterSpan]?, _ restored: [CounterSpan]?
  ) -> [String] {
    contents(counters).differences(
      to: contents(restored), here: "the database", there: "the backup")
  }

  private static let span = CounterSpan.spans(
    from: [CounterSpan(name: "ids", next: 10), CounterSpan(name: "down", next: -3)],
    to: [
      CounterSpan(name: "down", next: -5), CounterSpan(name: "ids", next: 12),
      CounterSpan(name: "new", next: 1),
    ])

  @Test(arguments: [10, 11, 12] as [Int64])
  func `a restored counter stands where the backup may have found it`(_ next: Int64) {
    let restored = [CounterSpan(name: "ids", next: next), CounterSpan(name: "down", next: -4)]
    #expect(Self.differences(Self.span, restored) == [])
  }

  @Test(arguments: [9, 13, .min, .max] as [Int64])
  func `one that stands elsewhere is told with where it should`(_ next: Int64) {
    let restored = [CounterSpan(name: "ids", next: next), CounterSpan(name: "down", next: -5)]
    #expect(
      Self.differences(Self.span, restored) == [
        "the counter ids gives \(next) next in the backup and 10 to 12 in the database"
      ])
  }

  @Test func `one that is missing is told, one that nobody read is not`() {
    #expect(
      Self.differences(Self.span, []) == [
        "the counter ids is missing in the backup", "the counter down is missing in the backup",
      ])
    #expect(Self.differences(Self.span, nil) == [])
    #expect(Self.differences(nil, Self.span) == [])
    #expect(CounterSpan.spans(from: nil, to: []) == nil)
  }

  @Test func `one that is gone in the later reading stands as it was`() {
    let counters = CounterSpan.spans(from: [CounterSpan(name: "ids", next: 4)], to: [])
    #expect(counters == [CounterSpan(name: "ids", next: 4)])
  }
}
