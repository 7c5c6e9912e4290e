import Testing
import WindlassCore
import WindlassWire

@testable import WindlassProof

@Suite struct ExcerptTests {
  @Test(arguments: [
    ("one\n  two\t\tthree ", "one two three"),
    ("\u{1B}[31mred\u{7}", "\\u{1b}[31mred\\u{7}"),
    ("a\u{202E}b\u{200B}c", "a\\u{202e}b\\u{200b}c"),
    ("grüße 漢字", "grüße 漢字"),
    ("", ""),
    ("\u{2028}x", "x"),
  ])
  func `foreign text becomes one harmless line`(_ text: String, _ expected: String) {
    #expect(Excerpt.plain(text) == expected)
  }

  @Test func `foreign text is cut`() {
    let text = Excerpt.plain(String(repeating: "x", count: 5_000_000), limit: 10)
    #expect(text == "xxxxxxxxxx…")
  }

  @Test(arguments: [
    (#"{"error": "no such table: t"}"#, "no such table: t"),
    (#"{"error": {"message": "bad", "sql": "SELECT 1"}}"#, "bad in: SELECT 1"),
    (#"{"message": "bad", "statement": "SELECT 1"}"#, "bad in: SELECT 1"),
    (#"{"code": 2, "detail": "gone"}"#, "gone"),
    (#"{"error": ""}"#, #"{"error": ""}"#),
    (#"{"status": "down"}"#, #"{"status": "down"}"#),
    ("plain words", "plain words"),
    ("", "an empty reply"),
  ])
  func `a complaint is found where servers put it`(_ body: String, _ expected: String) {
    #expect(Excerpt.complaint(Array(body.utf8)) == expected)
  }

  @Test func `a complaint of bytes that are no text is quoted safely`() {
    #expect(Excerpt.complaint([0xFF, 0x00, 0x41]) == "\u{FFFD}\\u{0}A")
  }
}

@Suite struct TypeChangeTests {
  @Test(arguments: [
    ("INTEGER", "INTEGER", TypeChange.same), ("int", "INTEGER", .same),
    ("character varying(10)", "varchar(10)", .same), ("VARCHAR (10)", "varchar(10)", .same),
    ("timestamp(3) with time zone", "TIMESTAMP(3)  WITH TIME ZONE", .same),
    ("int", "bigint", .wider), ("smallint", "int", .wider), ("varchar(10)", "varchar(11)", .wider),
    ("varchar(10)", "text", .wider), ("varchar(10)", "varchar", .wider), ("real", "double", .wider),
    ("char(3)", "varchar(3)", .wider), ("decimal(8,2)", "numeric(10,3)", .wider),
    ("tinytext", "longtext", .wider), ("timestamp", "timestamp(6)", .other),
    ("bigint", "int", .other), ("text", "varchar(10)", .other), ("varchar", "varchar(10)", .other),
    ("char(3)", "varchar(2)", .other), ("decimal(8,2)", "decimal(8,3)", .other),
    ("enum('a','b')", "enum('a')", .other), ("enum('a')", "enum('a','b')", .other),
    ("text", "text after description", .other), ("json", "jsonb", .other), ("", "text", .other),
  ])
  func `types are compared by what they hold`(_ old: String, _ new: String, _ expected: TypeChange)
  {
    #expect(TypeChange(from: old, to: new) == expected)
  }
}

@Suite struct ProbeTemplateTests {
  @Test(arguments: [
    ("plain", "plain"), ("{a}", "A"), ("{a}{a}", "AA"), ("{{a}}", "{A}"), ("{}", "{}"),
    (#"{"a": 1}"#, #"{"a": 1}"#), ("{a b}", "{a b}"), ("{", "{"), ("}", "}"), ("{1a}", "{1a}"),
    ("{a", "{a"), ("{a}}", "A}"), ("é{a}é", "éAé"), ("{b}", "x%2Fy"),
  ])
  func `only a name in braces is replaced`(_ text: String, _ expected: String) throws {
    #expect(try ProbeTemplate.expand(path: text, with: ["a": "A", "b": "x/y"]) == expected)
  }

  @Test func `a name without a value is an error`() {
    #expect(throws: ProbeTemplate.MissingValue(name: "b")) {
      try ProbeTemplate.expand(path: "{a}{b}", with: ["a": 1])
    }
    #expect(throws: ProbeTemplate.MissingValue(name: "b")) {
      try ProbeTemplate.expand(json: #"["{b}"]"#, with: ["a": 1])
    }
  }

  @Test(arguments: [
    (#"{"x": "{s}"}"#, #"{"x":"a\"b"}"#), (#"{"x": "-{s}-"}"#, #"{"x":"-a\"b-"}"#),
    (#"{"x": "{n}"}"#, #"{"x":7}"#), (#"{"x": "no {n}"}"#, #"{"x":"no 7"}"#),
    (#"["{o}"]"#, #"[{"k":[true]}]"#), (#"{"{n}": 1}"#, #"{"7":1}"#),
    (#"{"x": {n}}"#, #"{"x": 7}"#), (#"{"x": "{s}", "y": {n}}"#, #"{"x": "a\"b", "y": 7}"#),
    (#"{"x":   1}"#, #"{"x":   1}"#), (#""\"{n}\"""#, #""\"7\"""#),
  ])
  func `values keep their type where they stand alone`(_ text: String, _ expected: String) throws {
    let values: ProbeCaptures = ["s": "a\"b", "n": 7, "o": ["k": [true]]]
    #expect(try ProbeTemplate.expand(json: text, with: values) == expected)
  }

  @Test func `the names of a text are told once and in order`() {
    #expect(ProbeTemplate.names(in: #"{"b": "{y}{x}", "c": "{y}"}"#) == ["y", "x"])
  }
}
