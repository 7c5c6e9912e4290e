import ReleaseFeeds
import Testing
import WindlassCore

@Suite struct TimestampTextTests {
  @Test(arguments: [
    ("1970-01-01T00:00:00Z", 0), ("2000-02-29T12:00:00Z", 951_825_600_000),
    ("2026-11-20T10:00:00Z", 1_795_168_800_000), ("2026-11-20T10:00:00.25Z", 1_795_168_800_250),
    ("2026-11-20T12:30:00+02:30", 1_795_168_800_000),
    ("2026-11-20T05:00:00.0009-05:00", 1_795_168_800_000),
    ("9999-12-31T23:59:59Z", 253_402_300_799_000),
  ]) func `a time is read as milliseconds since 1970`(text: String, milliseconds: Int64) {
    #expect(Timestamp(rfc3339: text)?.milliseconds == milliseconds)
  }

  @Test(arguments: [
    "", "2026-11-20", "2026-11-20T10:00:00", "2026-11-20 10:00:00Z", "2026-13-01T00:00:00Z",
    "2026-02-29T00:00:00Z", "2026-11-31T00:00:00Z", "2026-11-20T24:00:00Z",
    "2026-11-20T10:60:00Z", "2026-11-20T10:00:60Z", "2026-11-20T10:00:00.Z",
    "2026-11-20T10:00:00+2:00", "2026-11-20T10:00:00Zz", "1969-12-31T23:59:59Z",
    "1970-01-01T00:00:00+00:01", "+026-11-20T10:00:00Z", "２026-11-20T10:00:00Z",
  ]) func `what is no time is refused`(text: String) {
    #expect(Timestamp(rfc3339: text) == nil)
  }

  @Test func `every day reads back from its text`() {
    for day in stride(from: Int64(0), to: 2_932_897, by: 13) {
      let time = Timestamp(milliseconds: (day * 86_400 + day % 86_400) * 1_000)
      #expect(Timestamp(rfc3339: time.rfc3339) == time)
    }
  }
}
