package import WindlassCore

/// One line of Windlass's history.
package struct HistoryEntry: Hashable, Sendable {
  package var version: SchemaVersion
  /// The file's name.
  package var file: String
  /// The SHA-256 of the file's bytes.
  package var checksum: Digest
  package var phase: String
  package var run: RunID
  /// How long the body ran.
  package var duration: Interval
  package var appliedAt: Timestamp

  package init(
    version: SchemaVersion, file: String, checksum: Digest, phase: String, run: RunID,
    duration: Interval, appliedAt: Timestamp
  ) {
    self.version = version
    self.file = file
    self.checksum = checksum
    self.phase = phase
    self.run = run
    self.duration = duration
    self.appliedAt = appliedAt
  }

  /// Reads the columns `version, file, checksum, phase, run, duration_ms, applied_at`, which are in
  /// this order, by their places, since a history is long.
  package init(_ row: SQLRow) {
    let values = row.values
    precondition(values.count == 7, "a line of the history has seven columns")
    self.init(
      version: SchemaVersion(UInt64(bitPattern: values[0].integer ?? 0)),
      file: values[1].text ?? "", checksum: Digest(values[2].text ?? ""),
      phase: values[3].text ?? "", run: RunID(values[4].text ?? ""),
      duration: .milliseconds(values[5].integer ?? 0),
      appliedAt: Timestamp(milliseconds: values[6].integer ?? 0))
  }

  /// The values of the columns that `init(_: SQLRow)` reads, in that order.
  package var values: [SQLValue] {
    [
      .integer(Int64(bitPattern: version.number)), .text(file), .text(checksum.text), .text(phase),
      .text(run.text), .integer(duration.milliseconds), .integer(appliedAt.milliseconds),
    ]
  }
}

extension SQLValue {
  /// The text, when it is one.
  package var text: String? {
    if case .text(let text) = self { text } else { nil }
  }

  /// The number, when it is a whole one.
  package var integer: Int64? {
    if case .integer(let number) = self { number } else { nil }
  }
}

extension String {
  /// The name in double quotes, for statements that are put together.
  package var quotedName: String {
    "\"" + split(separator: "\"", omittingEmptySubsequences: false).joined(separator: "\"\"")
      + "\""
  }
}
