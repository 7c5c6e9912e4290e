import Testing
import WindlassCore

/// Text of URLs.
struct PercentTextTests {
  @Test(arguments: [
    ("", ""), ("plain", "plain"), ("a%20b", "a b"), ("%e2%82%AC", "€"), ("née", "née"),
    ("%25zz", "%zz"), ("a+b", "a+b"),
  ])
  func `a text is what its escapes stand for`(text: String, meant: String) throws {
    #expect(try PercentText.decoded(text[...]) == meant)
  }

  @Test(arguments: ["%", "a%", "a%4", "%zz", "%+1", "%-1", "%4 1", "%%41", "%é"])
  func `a broken escape is refused`(text: String) {
    #expect(throws: PercentText.Flaw.escape) { try PercentText.decoded(text[...]) }
  }

  @Test(arguments: ["a%00b", "a\0b", "%ff", "%c3", "%c3(", "%ed%a0%80"])
  func `what is no text, or ends a path early, is refused`(text: String) {
    #expect(throws: PercentText.Flaw.bytes) { try PercentText.decoded(text[...]) }
  }
}
