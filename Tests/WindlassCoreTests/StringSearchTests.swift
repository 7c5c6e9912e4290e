import Testing
import WindlassCore

struct StringSearchTests {
  @Test(arguments: [
    ("11.8.2-MariaDB-ubu2404", true), ("MariaDB", true), ("a MariaDB", true), ("9.7.4", false),
    ("MariaD", false), ("mariadb", false), ("", false), ("MMariaDB", true),
  ])
  func `a word is found wherever it stands`(text: String, holds: Bool) {
    #expect(text.holds("MariaDB") == holds)
  }

  @Test func `nothing stands in every text`() { #expect("".holds("")) }
}
