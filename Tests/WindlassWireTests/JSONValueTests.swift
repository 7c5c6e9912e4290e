import Testing
import WindlassWire

/// Writing, looking up and pointing.
struct JSONValueTests {
  @Test func `compact text has no spaces and keeps the order of members`() {
    let value: JSONValue = ["z": [1, 2.5, .null], "a": ["b": true], "e": [], "o": [:]]
    #expect(value.text == #"{"z":[1,2.5,null],"a":{"b":true},"e":[],"o":{}}"#)
  }

  @Test func `pretty text is indented by two spaces`() {
    let value: JSONValue = ["z": [1, ["b": true]], "e": [], "o": [:]]
    let expected = """
      {
        "z": [
          1,
          {
            "b": true
          }
        ],
        "e": [],
        "o": {}
      }
      """
    #expect(value.prettyText == expected)
  }

  @Test func `what a terminal would act on is escaped`() {
    let value: JSONValue = "\u{1B}[31m\0\u{7F}\u{9B}\u{2028}\u{2029}\n\r\t\"\\/é\u{1F600}"
    #expect(
      value.text
        == #""\u001b[31m\u0000\u007f\u009b\u2028\u2029\n\r\t\"\\/é"# + "\u{1F600}\"")
  }

  @Test(arguments: [
    (0.1, "0.1"), (1, "1.0"), (-0.0, "-0.0"), (1e300, "1e+300"), (.leastNonzeroMagnitude, "5e-324"),
    (.nan, "null"), (.infinity, "null"),
  ])
  func `a double is the shortest text that reads back, or null`(double: Double, text: String) {
    #expect(JSONValue.double(double).text == text)
  }

  @Test func `accessors answer only for their own kind`() {
    #expect(JSONValue.string("a").string == "a")
    #expect(JSONValue.integer(1).integer == 1)
    #expect(JSONValue.double(1).integer == nil)
    #expect(JSONValue.integer(1).double == 1)
    #expect(JSONValue.bool(true).bool == true)
    #expect(JSONValue.integer(1).bool == nil)
    #expect(JSONValue.array([1]).array == [1])
    #expect(JSONValue.object([JSONMember("a", 1)]).object?.map(\.name) == ["a"])
    #expect(JSONValue.null.isNull && JSONValue.null.string == nil)
  }

  // The document and the table of RFC 6901, section 5.
  @Test(arguments: [
    ("/foo", JSONValue.array(["bar", "baz"])), ("/foo/0", "bar"), ("/", 0), ("/a~1b", 1),
    ("/c%d", 2), ("/e^f", 3), ("/g|h", 4), ("/i\\j", 5), ("/k\"l", 6), ("/ ", 7), ("/m~0n", 8),
  ])
  func `a pointer finds what the RFC says`(pointer: String, expected: JSONValue) throws {
    let document = try JSONValue.parse(
      #"""
      {"foo": ["bar", "baz"], "": 0, "a/b": 1, "c%d": 2, "e^f": 3, "g|h": 4, "i\\j": 5,
       "k\"l": 6, " ": 7, "m~n": 8}
      """#.utf8)
    #expect(document.value(at: pointer) == expected)
    #expect(document.value(at: "") == document)
  }

  @Test(arguments: [
    "foo", "/foo/2", "/foo/-", "/foo/00", "/foo/-1", "/foo/+1", "/foo/ 0", "/foo/0/x", "/bar",
    "/foo/99999999999999999999", "/~", "/~2", "/foo/", "/foo\u{301}",
  ])
  func `a pointer to nothing finds nothing`(pointer: String) {
    let document: JSONValue = ["foo": ["bar", "baz"], "~": 1, "~2": 2]
    #expect(document.value(at: pointer) == nil)
  }
}
