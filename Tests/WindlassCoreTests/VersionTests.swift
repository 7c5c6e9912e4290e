import Testing
import WindlassCore

/// Versions and ranges, by the text of Semantic Versioning 2.0.0.
@Suite struct VersionTests {
  @Test func `precedence follows the list of section 11`() {
    let texts = [
      "1.0.0-alpha", "1.0.0-alpha.1", "1.0.0-alpha.beta", "1.0.0-beta", "1.0.0-beta.2",
      "1.0.0-beta.11", "1.0.0-rc.1", "1.0.0", "1.0.1", "1.1.0", "2.0.0",
      "10.0.0", "18446744073709551615.0.0",
    ]
    let versions = texts.compactMap { Version($0) }
    #expect(versions.count == texts.count)
    for (left, lower) in versions.enumerated() {
      for (right, higher) in versions.enumerated() {
        #expect((lower < higher) == (left < right), "\(lower) and \(higher)")
      }
    }
  }

  @Test func `build metadata has no precedence and still tells releases apart`() throws {
    let plain = try #require(Version("1.1.1"))
    let built = try #require(Version("1.1.1+abort"))
    #expect(plain.precedence(against: built) == .equal)
    #expect(plain != built)
    #expect((plain < built) != (built < plain))
  }

  @Test(arguments: [
    "", "1", "1.2", "1.2.3.4", "01.2.3", "1.02.3", "1.2.03", "v1.2.3", "1.2.3-", "1.2.3+",
    "1.2.3-01", "1.2.3-a..b", "1.2.3-ä", "1.2.-3", "1.2.3 ", " 1.2.3", "1.2.18446744073709551616",
    "1.2.3+a+b", "1.2.3-a_b", "a.b.c",
  ])
  func `what is no version is refused`(text: String) {
    #expect(Version(text) == nil)
  }

  @Test(arguments: ["0.0.0", "1.2.3-a-b.0.x--1+001.z-", "1.0.0--", "1.2.3-0a"])
  func `a version prints as it was written`(text: String) throws {
    #expect(try #require(Version(text)).description == text)
  }

  @Test(arguments: [
    (">=1.0.0 <2.0.0", "1.9.9", true), (">=1.0.0 <2.0.0", "2.0.0", false),
    (">= 1.0.0, < 2.0.0", "1.0.0", true), ("1.2.3", "1.2.3", true), ("1.2.3", "1.2.4", false),
    ("!=1.2.3", "1.2.3", false), ("^1.2.3", "1.9.0", true), ("^1.2.3", "2.0.0", false),
    ("^0.2.3", "0.2.9", true), ("^0.2.3", "0.3.0", false), ("^0.0.3", "0.0.4", false),
    ("~1.2.3", "1.2.9", true), ("~1.2.3", "1.3.0", false), ("*", "7.0.0", true),
    ("*", "7.0.0-rc.1", false), (">=1.0.0", "2.0.0-rc.1", false),
    (">=2.0.0-rc.1", "2.0.0-rc.2", true), ("<1.0.0 || >=3.0.0", "3.1.0", true),
    ("<1.0.0 || >=3.0.0", "2.0.0", false),
  ])
  func `a range holds what it says`(range: String, version: String, holds: Bool) throws {
    let range = try #require(VersionRange(range))
    #expect(range.contains(try #require(Version(version))) == holds)
  }

  @Test(arguments: [
    "", ">", ">=1", "1.0.0 |", "| 1.0.0", "=>1.0.0", "1.x", "^18446744073709551615.0.0",
  ])
  func `what is no range is refused`(text: String) {
    #expect(VersionRange(text) == nil)
  }

  @Test(arguments: [("100ms", 100), ("10s", 10_000), ("5m", 300_000), ("24h", 86_400_000)])
  func `an interval is read and printed`(text: String, milliseconds: Int64) throws {
    let interval = try #require(Interval(text))
    #expect(interval.milliseconds == milliseconds)
    #expect(interval.description == text)
  }

  @Test(arguments: ["", "10", "s", "-1s", "1.5s", "1 s", "99999999999999h"])
  func `what is no interval is refused`(text: String) {
    #expect(Interval(text) == nil)
  }
}
