package import WindlassCore

/// Something in a migration's text that Windlass does not run.
package struct BodyFinding: Hashable, Codable, Sendable, CustomStringConvertible {
  /// What kind of thing it is.
  package enum Kind: String, Hashable, Codable, Sendable, CaseIterable {
    case transactionControl, attachment, vacuum, pragma, shellCommand, unknownStatement
    case ownTable, ledger, parameter, unreadable
    case otherDatabase, serverChange, sessionSetting, dynamicSQL, outsideFile, backfill
  }

  package var kind: Kind
  package var file: String
  /// The line in the file, from 1.
  package var line: Int
  /// What it is and what to write instead.
  package var message: String

  package init(kind: Kind, file: String, line: Int, message: String) {
    self.kind = kind
    self.file = file
    self.line = line
    self.message = message
  }

  package var description: String { "\(file):\(line): \(message)" }
}

extension [BodyFinding] {
  /// The failure for a file with findings; nil without any.
  package var failure: StepFailure? {
    guard let first else { return nil }
    let others = count > 1 ? " (and \(count - 1) more in the same file)" : ""
    return StepFailure(
      code: "MigrationRefused", disposition: .stop, message: "\(first)\(others)")
  }
}
