import WindlassWire

/// The part of a service's journal that one object holds. Windlass alone writes it.
package struct JournalStatus: DocumentPart, Hashable {
  package var format: Int64 = 0
  package var number: Int64 = 0
  package var digest = ""
  package var writer = ""
  package var entries: [JournalEntry]?

  package init() {}

  package static var fields: [DocumentField<JournalStatus>] {
    [
      DocumentField("format", \.format, "How the rest is to be read.", .range(1...Int64.max)),
      DocumentField("number", \.number, "The newest entry's number.", .range(0...Int64.max)),
      DocumentField(
        "digest", \.digest, "SHA-256 over the object's uid and all entries.", .length(71...71),
        .pattern(Patterns.digest)),
      DocumentField(
        "writer", \.writer, "Who wrote it last, apart from everybody else who writes the same.",
        .length(1...63)),
      // Replaced as a whole: a list by keys would make the server keep an owner of each entry.
      DocumentField("entries", \.entries, "What was written, in order.", .count(0...1_000)),
    ]
  }
}

/// One record of the journal.
package struct JournalEntry: DocumentPart, Hashable {
  package var number: Int64 = 0
  package var time = ""
  package var kind = ""
  package var run: String?
  package var effect: String?
  package var text: String?

  package init() {}

  package static var fields: [DocumentField<JournalEntry>] {
    [
      DocumentField(
        "number", \.number, "Grows from entry to entry; old ones go.", .range(1...Int64.max)),
      DocumentField("time", \.time, "When it was written.", .format("date-time")),
      DocumentField("kind", \.kind, "A word such as state or decision.", .length(1...63)),
      DocumentField("run", \.run, "The run that it belongs to.", .length(0...253)),
      DocumentField("effect", \.effect, "What was about to be done.", .length(0...512)),
      DocumentField(
        "text", \.text, "The record as JSON; absent where a later state took its place.",
        .length(0...524_288)),
    ]
  }
}
