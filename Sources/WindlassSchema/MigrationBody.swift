package import WindlassCore

/// The text of one migration.
package struct MigrationBody: Hashable, Sendable {
  package let version: SchemaVersion
  /// The file's name in its directory.
  package let file: String
  /// The file's bytes, which its checksum is of.
  package let bytes: [UInt8]
  package let text: String
  /// What the first line says, `-- windlass: expand|backfill|contract`; nil when it says nothing.
  package let declaredPhase: MigrationPhase?
  /// What the first line says of the table that is walked, for a backfill that is run in batches.
  package let backfill: BackfillDirective?

  /// Makes a body from a file's bytes.
  ///
  /// - Throws: when they are not UTF-8 or hold a zero byte, or the first line names a phase that
  ///   does not exist or says of a backfill what is not understood.
  package init(version: SchemaVersion, file: String, bytes: [UInt8]) throws(StepFailure) {
    guard let text = String(validating: bytes, as: UTF8.self) else {
      throw StepFailure(
        code: "MigrationUnreadable", disposition: .stop,
        message: "\(file) is not UTF-8. Save it as UTF-8.")
    }
    // To a client library of C the text would end there, and the rest would count as applied.
    guard !bytes.contains(0) else {
      throw StepFailure(
        code: "MigrationUnreadable", disposition: .stop,
        message: "\(file) holds a zero byte, at which servers stop to read. Remove it.")
    }
    self.version = version
    self.file = file
    self.bytes = bytes
    self.text = text
    let words = Self.firstLine(of: text)
    declaredPhase = try Self.declaredPhase(in: words, file: file)
    backfill = declaredPhase == .backfill ? try Self.backfill(in: words, file: file) : nil
  }

  /// The phase to run the migration in: the one that the manifest names, else the first line's,
  /// else expand.
  ///
  /// - Throws: when manifest and first line differ.
  package func phase(manifest: MigrationPhase?) throws(StepFailure) -> MigrationPhase {
    if let manifest, let declaredPhase, manifest != declaredPhase {
      throw StepFailure(
        code: "MigrationPhaseConflict", disposition: .stop,
        message: "\(file) says in its first line that it is \(declaredPhase.rawValue), and the"
          + " manifest says \(manifest.rawValue). Publish a manifest that agrees with the file.")
    }
    return manifest ?? declaredPhase ?? .expand
  }

  /// The words of the first line behind `--`, `windlass:` first; empty for any other line.
  private static func firstLine(of text: String) -> [Substring] {
    var line = text.prefix { !$0.isNewline }[...]
    if line.first == "\u{FEFF}" { line = line.dropFirst() }
    guard line.hasPrefix("--") else { return [] }
    let words = line.dropFirst(2).split(whereSeparator: \.isWhitespace)
    return words.first == "windlass:" ? words : []
  }

  private static func declaredPhase(
    in words: [Substring], file: String
  ) throws(StepFailure) -> MigrationPhase? {
    guard !words.isEmpty else { return nil }
    let phase = words.count > 1 ? MigrationPhase(rawValue: String(words[1])) : nil
    guard let phase, words.count == 2 || phase == .backfill else {
      throw StepFailure(
        code: "MigrationPhaseUnknown", disposition: .stop,
        message: "The first line of \(file) is \"-- \(words.joined(separator: " "))\"; after"
          + " `-- windlass:` it must say expand, backfill or contract, and after backfill at most"
          + " which table is walked by which key.")
    }
    return phase
  }

  private static func backfill(
    in words: [Substring], file: String
  ) throws(StepFailure) -> BackfillDirective? {
    do throws(SQLTokenError) {
      return try BackfillDirective.read(words.dropFirst(2))
    } catch {
      throw StepFailure(
        code: "MigrationRefused", disposition: .stop,
        message: "\(file):\(error.line): \(error.reason).")
    }
  }
}
