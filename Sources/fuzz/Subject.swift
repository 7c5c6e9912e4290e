import Glibc
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
    case .sql: split(text, by: SplitterRules.splitOnSQLite, SplitterRules.brokenOnSQLite)
    case .mysql: split(text, by: SplitterRules.splitOnMySQL, SplitterRules.brokenOnMySQL)
    case .postgres:
      split(text, by: SplitterRules.splitOnPostgres, SplitterRules.brokenOnPostgres)
    case .migration: migration(bytes)
    case .names:
      let names = text.split(separator: "\n").map(String.init)
      _ = try? MigrationDirectory(path: "fuzz", names: names)
    }
  }

  private func migration(_ bytes: [UInt8]) {
    // Refused bytes are no finding.
    guard let body = try? MigrationBody(version: 1, file: "1_fuzz.up.sql", bytes: bytes) else {
      return
    }
    for dialect in BackfillDialect.allCases {
      guard let backfill = try? Backfill(body, dialect: dialect) else { continue }
      for statement in backfill.statements {
        let text = statement.text(where: "X")
        precondition(text.contains("(X) AND"), "an accepted statement has a place for its range")
      }
    }
  }

  private func json(_ bytes: [UInt8]) {
    // Refused bytes are no finding.
    guard let value = try? JSONValue.parse(bytes) else { return }
    let again = try? JSONValue.parse(value.bytes, limits: JSONLimits(sizeMax: .max))
    precondition(again == value, "a document reads back as itself")
  }

  /// The longest that a text of a few kilobytes may take, of the processor's time, so that a busy
  /// machine is no finding.
  private static let splittingMax = 50_000_000

  private func split(
    _ text: String, by split: (String) -> Void, _ broken: (String) -> String?
  ) {
    if let rule = broken(text) { finding("broken: \(rule)") }
    // The best of three: another process on the same core is no finding either.
    var taken = Int.max
    for _ in 0..<3 where taken > Self.splittingMax {
      let began = Self.processorTime()
      split(text)
      taken = min(taken, Self.processorTime() - began)
    }
    if taken > Self.splittingMax { finding("to split the text takes \(taken) ns, 50 ms at most") }
  }

  /// Ends the process as libFuzzer expects it for a finding, with the reason on standard error.
  private func finding(_ reason: String) -> Never {
    let line = "fuzz: \(rawValue): \(reason)\n"
    _ = line.withCString { write(STDERR_FILENO, $0, strlen($0)) }
    abort()
  }

  /// The nanoseconds of the processor's time that this thread has had.
  private static func processorTime() -> Int {
    var time = timespec()
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time)
    return time.tv_sec * 1_000_000_000 + time.tv_nsec
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
