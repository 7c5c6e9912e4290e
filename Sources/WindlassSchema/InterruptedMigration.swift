package import WindlassCore

/// A migration that Windlass began and that was cut off, as its own notes in the database tell it.
package struct InterruptedMigration: Hashable, Sendable {
  /// What the engine runs one by one.
  package enum Unit: String, Hashable, Sendable {
    case statement
    /// Statements in one transaction, or one that can't be in a transaction.
    case step
  }

  /// What is known of the statement at which it stands.
  package enum Standing: Hashable, Sendable {
    /// It was not begun, or was taken back.
    case notBegun
    /// It was begun, and whether it has taken effect is seen by looking at the schema.
    case begun
    /// It was begun, and leaves nothing in the schema by which its effect is seen.
    case untraceable
  }

  package var version: SchemaVersion
  /// What the ledger said before it.
  package var before: SchemaVersion?
  package var run: RunID
  /// The file's name; empty where the engine does not note it.
  package var file: String
  /// The place of the statement at which it stands, from 1; those before it have taken effect.
  package var position: Int
  /// How many statements the file has; nil where the engine does not note it.
  package var count: Int?
  /// The statement's line in the file; nil where the engine does not note it.
  package var line: Int?
  package var standing: Standing
  package var unit: Unit

  package init(
    version: SchemaVersion, before: SchemaVersion?, run: RunID, file: String, position: Int,
    count: Int?, line: Int?, standing: Standing, unit: Unit = .statement
  ) {
    self.version = version
    self.before = before
    self.run = run
    self.file = file
    self.position = position
    self.count = count
    self.line = line
    self.standing = standing
    self.unit = unit
  }

  /// Where it stands, as a sentence.
  package var place: String {
    let count = count.map { " of \($0)" } ?? ""
    let file = file.isEmpty ? "" : " in \(file)"
    let line = line.map { " (line \($0))" } ?? ""
    let rest =
      switch position {
      case 1: "nothing has taken effect before it"
      case 2: "the one before it has taken effect"
      default: "the \(position - 1) before it have taken effect"
      }
    return "Migration \(version) of \(run) was cut off at \(unit.rawValue)"
      + " \(position)\(count)\(file)\(line); \(rest)."
  }

  /// What a person does next, as sentences.
  package var nextStep: String {
    switch standing {
    case .notBegun:
      "That \(unit.rawValue) has not taken effect. Run `windlass migrate` again: it goes on there."
    case .begun:
      "Whether that one has is not noted. Run `windlass migrate` again: it looks at the schema, and"
        + " goes on there or behind it."
    case .untraceable:
      "Whether that one has can't be seen in the schema, so Windlass does not repeat it. Look at"
        + " the data, and do or undo the rest of the file by hand. With all of it in effect, run"
        + " `migrate force \(version)` of golang-migrate, or set dirty to 0 in the ledger; with"
        + " nothing of it, `migrate force \(before?.description ?? "-1")`, or put that version"
        + " there (no row for -1). Then run `windlass schema --accept-drift`, and"
        + " `windlass migrate`."
    }
  }
}
