import Testing
import WindlassCore
import WindlassWire

/// What the parser takes, what it refuses, and that it says where.
struct JSONParserTests {
  private static let accepted: [(String, JSONValue)] = [
    ("null", JSONValue.null), (" true ", true), ("\t\r\nfalse\n", false),
    ("0", 0), ("-0", 0), ("-1", -1), ("42", 42),
    ("9007199254740993", 9_007_199_254_740_993),
    ("9223372036854775807", .integer(.max)), ("-9223372036854775808", .integer(.min)),
    ("1.0", .double(1)), ("-0.0", .double(-0.0)), ("1e2", .double(100)), ("1E+2", .double(100)),
    ("25e-1", .double(2.5)), ("9223372036854775808.0", .double(9_223_372_036_854_775_808)),
    ("1e-999", .double(0)), ("1.7976931348623157e308", .double(.greatestFiniteMagnitude)),
    ("\"\"", ""), ("\"a\\\"\\\\\\/\\b\\f\\n\\r\\tz\"", "a\"\\/\u{8}\u{C}\n\r\tz"),
    ("\"\\u0041\\u00e9\\u20AC\"", "A\u{E9}\u{20AC}"), ("\"\\uD83D\\ude00\"", "\u{1F600}"),
    ("\"\\u0000\"", "\0"), ("\"\u{7F}\u{2028}\u{FEFF}\"", "\u{7F}\u{2028}\u{FEFF}"),
    ("[]", []), ("[ ]", []), ("[1,[2],{}]", [1, [2], [:]]), ("{}", [:]),
    ("{ \"a\" : 1 , \"b\" : [ ] }", ["a": 1, "b": []]),
    ("{\"__proto__\":{\"\":null}}", ["__proto__": ["": .null]]),
  ]

  private static let refused: [(String, JSONError.Code)] = [
    ("", .truncated), ("   ", .truncated), ("nul", .truncated), ("nulL", .unexpectedByte),
    ("NaN", .unexpectedByte), ("Infinity", .unexpectedByte), ("-Infinity", .unexpectedByte),
    ("True", .unexpectedByte), ("'a'", .unexpectedByte), ("undefined", .unexpectedByte),
    ("// note\n1", .unexpectedByte), ("/* */1", .unexpectedByte), ("\u{A0}1", .unexpectedByte),
    ("\u{C}1", .unexpectedByte), ("\u{FEFF}{}", .byteOrderMark),
    ("1 2", .trailingBytes), ("{}x", .trailingBytes), ("[]]", .trailingBytes),
    ("null\0", .trailingBytes), ("1a", .trailingBytes), ("0x10", .trailingBytes),
    ("1_000", .trailingBytes), ("truefalse", .trailingBytes),
    ("01", .badNumber), ("-01", .badNumber), ("00", .badNumber),
    ("+1", .unexpectedByte), (".5", .unexpectedByte), ("-", .truncated), ("-a", .unexpectedByte),
    ("1.", .truncated), ("1.e3", .unexpectedByte), ("1e", .truncated), ("1e+", .truncated),
    ("1e+-2", .unexpectedByte), ("[1.]", .unexpectedByte),
    ("1e999", .numberOutOfRange), ("-1e999", .numberOutOfRange),
    ("9223372036854775808", .numberOutOfRange), ("-9223372036854775809", .numberOutOfRange),
    ("18446744073709551616", .numberOutOfRange),
    ("1" + String(repeating: "0", count: 200) + ".0", .numberOutOfRange),
    ("\"", .truncated), ("\"a", .truncated), ("\"\\", .truncated), ("\"\\u12", .truncated),
    ("\"\\u12G4\"", .badEscape), ("\"\\u\u{FF11}234\"", .badEscape), ("\"\\x41\"", .badEscape),
    ("\"\\U0041\"", .badEscape), ("\"\\'\"", .badEscape),
    ("\"\\ud800\"", .loneSurrogate), ("\"\\udc00\"", .loneSurrogate),
    ("\"\\ud800\\ud800\"", .loneSurrogate), ("\"\\ud800a\"", .loneSurrogate),
    ("\"\\ud800\\n\"", .loneSurrogate), ("\"\\ude00\\ud83d\"", .loneSurrogate),
    ("\"a\nb\"", .controlCharacter), ("\"\0\"", .controlCharacter), ("\"\t\"", .controlCharacter),
    ("\"\\n\u{1F}\"", .controlCharacter),
    ("[", .truncated), ("[1", .truncated), ("[1,", .truncated), ("[,1]", .unexpectedByte),
    ("[1,]", .unexpectedByte), ("[1 2]", .unexpectedByte), ("[1}", .unexpectedByte),
    ("]", .unexpectedByte), ("{", .truncated), ("{\"a\"", .truncated), ("{\"a\":", .truncated),
    ("{\"a\":1", .truncated), ("{\"a\":1,", .truncated), ("{\"a\":1,}", .unexpectedByte),
    ("{a:1}", .unexpectedByte), ("{1:1}", .unexpectedByte), ("{\"a\" 1}", .unexpectedByte),
    ("{\"a\":}", .unexpectedByte), ("{,}", .unexpectedByte), ("{\"a\":1]", .unexpectedByte),
    ("{\"a\":1,\"a\":1}", .duplicateName), ("{\"a\":1,\"\\u0061\":2}", .duplicateName),
    ("{\"\u{E9}\":1,\"e\u{301}\":2}", .duplicateName), ("[{\"\":0,\"\":0}]", .duplicateName),
  ]

  @Test(arguments: accepted)
  func `a document by the RFC is read exactly`(text: String, expected: JSONValue) throws {
    #expect(try JSONValue.parse(text.utf8) == expected)
  }

  @Test(arguments: refused)
  func `anything else is refused for its reason`(text: String, code: JSONError.Code) {
    #expect(refusal(of: Array(text.utf8))?.code == code)
  }

  @Test(
    arguments: [
      [0x22, 0x80, 0x22], [0x22, 0xFF, 0x22], [0x22, 0xC3, 0x22], [0x22, 0xC0, 0x80, 0x22],
      [0x22, 0xED, 0xA0, 0x80, 0x22], [0x22, 0xF4, 0x90, 0x80, 0x80, 0x22],
      [0x22, 0xE2, 0x82, 0x22], [0x22, 0x5C, 0x6E, 0xF8, 0x22],
    ] as [[UInt8]])
  func `text that is not UTF-8 is refused`(bytes: [UInt8]) {
    #expect(refusal(of: bytes)?.code == .invalidUTF8)
  }

  @Test func `UTF-16 is refused`() {
    #expect(refusal(of: [0xFF, 0xFE, 0x31, 0x00])?.code == .unexpectedByte)
    #expect(refusal(of: [0x31, 0x00])?.code == .trailingBytes)
  }

  @Test func `an error names the line, the column and the offset`() throws {
    let error = try #require(refusal(of: Array("{\n  \"a\": 1,\n  \"b\": x\n}".utf8)))
    #expect((error.line, error.column, error.offset) == (3, 8, 19))
    #expect(
      error.description == "line 3, column 8: found \"x\" where a value should be")
  }

  @Test func `a duplicate name is named, escaped, at its second place`() throws {
    let error = try #require(refusal(of: Array("{\"\\u001b\":1, \"\\u001b\":2}".utf8)))
    #expect(error.offset == 13)
    #expect(error.message == "the object has two members named \"\\u001b\"")
  }

  @Test func `a duplicate among very many names is found`() {
    let names = (0..<5_000).map { "\"name\($0)\":0" }.joined(separator: ",")
    #expect(refusal(of: Array("{\(names)}".utf8)) == nil)
    #expect(refusal(of: Array("{\(names),\"name77\":0}".utf8))?.code == .duplicateName)
    #expect(refusal(of: Array("{\(names),\"name4999\":0}".utf8))?.code == .duplicateName)
  }

  @Test func `nesting is refused one level above the limit`() {
    func nested(_ depth: Int) -> [UInt8] {
      Array((String(repeating: "[", count: depth) + String(repeating: "]", count: depth)).utf8)
    }
    #expect(refusal(of: nested(Bounds.jsonDepthMax)) == nil)
    #expect(refusal(of: nested(Bounds.jsonDepthMax + 1))?.code == .tooDeep)
  }

  @Test(arguments: ["[", "{\"a\":", "[{\"a\":"])
  func `nesting of 100,000 levels is refused whatever limit the caller asks for`(opening: String) {
    let bytes = Array(String(repeating: opening, count: 100_000).utf8)
    #expect(refusal(of: bytes)?.code == .tooDeep)
    let limits = JSONLimits(depthMax: .max)
    #expect(limits.depthMax == Bounds.jsonDepthLimit)
    #expect(refusal(of: bytes, limits: limits)?.code == .tooDeep)
  }

  @Test func `elements, members and bytes are counted`() {
    let limits = JSONLimits(sizeMax: 40, depthMax: 2, elementsMax: 3)
    #expect(refusal(of: Array("[1,2,3]".utf8), limits: limits) == nil)
    #expect(refusal(of: Array("[1,2,3,4]".utf8), limits: limits)?.code == .tooManyElements)
    #expect(
      refusal(of: Array("{\"a\":1,\"b\":2,\"c\":3,\"d\":4}".utf8), limits: limits)?.code
        == .tooManyElements)
    #expect(refusal(of: Array(repeating: 0x20, count: 41), limits: limits)?.code == .tooLarge)
  }

  @Test func `a million names are refused before they are kept`() {
    let names = (0..<1_000_000).map { "\"\($0)\":0" }.joined(separator: ",")
    let bytes = Array("{\(names)}".utf8)
    #expect(refusal(of: bytes)?.code == .tooLarge)
    let limits = JSONLimits(sizeMax: bytes.count)
    #expect(refusal(of: bytes, limits: limits)?.code == .tooManyElements)
  }

  @Test func `every proper prefix of a document is refused`() throws {
    let text = """
      {"apiVersion": "windlass.dev/v1", "serial": 42, "ratio": -1.5e-3, "yanked": null,
       "list": [true, false, {"\\u00e9\\ud83d\\ude00": "\u{E9}\u{1F600}"}], "empty": {}}
      """
    let bytes = Array(text.utf8)
    _ = try JSONValue.parse(bytes)
    for end in 0..<bytes.count {
      #expect(refusal(of: Array(bytes[..<end])) != nil, "cut after \(end) bytes")
    }
  }
}

/// The parser's error for these bytes; nil when it accepts them.
func refusal(of bytes: [UInt8], limits: JSONLimits = JSONLimits()) -> JSONError? {
  do throws(JSONError) {
    _ = try JSONValue.parse(bytes, limits: limits)
    return nil
  } catch {
    return error
  }
}
