import Testing

@testable import windlass

@Suite struct CommandWordsTests {
  @Test(arguments: [
    ("/bin/beacon serve", ["/bin/beacon", "serve"]), ("  a\tb\n c ", ["a", "b", "c"]),
    ("a 'b c' \"d e\"", ["a", "b c", "d e"]), ("a'b c'd", ["ab cd"]), ("a ''", ["a", ""]),
    (#"a "it's""#, ["a", "it's"]), ("", []), ("$HOME `x` a;b", ["$HOME", "`x`", "a;b"]),
  ])
  func `a command is cut at blanks, and quotes keep them`(_ text: String, _ words: [String]) {
    #expect(CommandWords.split(text) == words)
  }

  @Test(arguments: ["'a", "a \"b", "a 'b\" c"])
  func `a quote that is not closed is no command`(_ text: String) {
    #expect(CommandWords.split(text) == nil)
  }
}
