import ReleaseFeeds
import WindlassCore
import WindlassSchema
import WindlassWire

/// A parser of foreign bytes, with what must hold whatever the bytes are.
///
/// A trap, memory without a bound or time without an end is a finding, and so is a value that does
/// not read back as itself.
enum Subject: String, CaseIterable {
  case json, pointer, version, range, interval
  case manifest, signature, key, trust
  case sql, mysql, postgres, migration, names

  /// Feeds the bytes to the parser.
  func consume(_ bytes: [UInt8]) {
    let text = String(decoding: bytes, as: UTF8.self)
    switch self {
    case .json: json(bytes)
    case .pointer: _ = JSONValue.array([.object([])]).value(at: text)
    case .version: version(text)
    case .range: _ = VersionRange(text)?.contains(Version(1, 2, 3, prerelease: ["rc", "1"]))
    case .interval: _ = Interval(text).map { "\($0)" }
    case .manifest: _ = ManifestLint.findings(in: bytes, at: Timestamp(milliseconds: 0))
    case .signature: signature(bytes)
    case .key: _ = try? PublicKey(text)
    case .trust: _ = (try? JSONValue.parse(bytes)).map { TrustState($0) }
    case .sql: _ = SQLiteClassifier().findings(in: text, file: "1_fuzz.up.sql")
    case .mysql: mysql(text)
    case .postgres: postgres(text)
    case .migration: _ = try? MigrationBody(version: 1, file: "1_fuzz.up.sql", bytes: bytes)
    case .names:
      let names = text.split(separator: "\n").map(String.init)
      _ = try? MigrationDirectory(path: "fuzz", names: names)
    }
  }

  private func json(_ bytes: [UInt8]) {
    // Refused bytes are no finding.
    guard let value = try? JSONValue.parse(bytes) else { return }
    let again = try? JSONValue.parse(value.bytes, limits: JSONLimits(sizeMax: .max))
    precondition(again == value, "a document reads back as itself")
  }

  private func mysql(_ text: String) {
    let bytes = Array(text.utf8)
    // Refused text is no finding.
    guard let pieces = try? MySQLTokenizer.pieces(of: bytes) else { return }
    let again = pieces.flatMap { bytes[$0.range] }
    precondition(again == bytes, "the pieces of a text are the text")
    _ = MySQLClassifier().findings(in: text, file: "1_fuzz.up.sql")
    for statement in (try? MySQLStatements.split(text)) ?? [] {
      precondition(text.utf8.count >= statement.text.utf8.count, "a statement is part of its text")
      _ = (statement.kind, statement.keepsSessionState)
    }
  }

  private func postgres(_ text: String) {
    _ = PostgresClassifier().findings(in: text, file: "1_fuzz.up.sql")
    // Refused text is no finding.
    guard let script = try? PostgresScript(text) else { return }
    for statement in script.statements {
      precondition(text.utf8.count >= statement.text.utf8.count, "a statement is part of its text")
    }
    let whole = script.atomicText ?? text
    precondition(whole.utf8.count == text.utf8.count, "what is taken off leaves its place empty")
  }

  private func version(_ text: String) {
    guard let version = Version(text) else { return }
    precondition(version.description == text, "a version is printed as it was written")
    precondition(!(version < version), "no version is lower than itself")
  }

  private func signature(_ bytes: [UInt8]) {
    // A key whose secret half nobody has; whatever verifies by it is forged.
    guard
      let keys = try? TrustedKeys(["RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"])
    else { return }
    let forged = try? VerifiedDocument.verify([], signature: bytes, by: keys)
    precondition(forged == nil, "nobody signs for another")
  }
}
