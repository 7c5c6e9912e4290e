import WindlassCore

/// What the server, or the library by itself, said of a statement that failed.
struct PostgresError: Error, Hashable {
  /// The five signs of the SQL standard; nil when the server did not answer.
  var state: String?
  /// The server's first line; detail and context may hold rows and are never read.
  var message: String
  /// The line of the statement's text that the trouble is in, from 1.
  var line: Int?
}

extension PostgresError {
  /// The one place where PostgreSQL's results become failures.
  ///
  /// - Parameters:
  ///   - place: host and database, for a person.
  ///   - whom: the session's user, for a person, behind an article.
  func failure(place: String, whom: String = "user of the database URL") -> StepFailure {
    guard let state else {
      return StepFailure(
        code: "ConnectionLost", disposition: .retry,
        message: "The connection to \(place) was lost (\(message)). Check the server and the"
          + " network; what was not committed is undone.")
    }
    let known = exact(state, place, whom) ?? byClass(state, place, whom)
    return known
      ?? StepFailure(
        code: "StatementFailed", disposition: .stop,
        message: "A statement on \(place)\(at) failed: \(message) (SQLSTATE \(state)).")
  }

  private var at: String { line.map { " in line \($0)" } ?? "" }

  private func exact(_ state: String, _ place: String, _ whom: String) -> StepFailure? {
    switch state {
    case "55P03", "40P01":
      StepFailure(
        code: "DatabaseLocked", disposition: .retry,
        message: "Another session of \(place) holds a lock (\(message), SQLSTATE \(state)).")
    case "57014":
      StepFailure(
        code: "Interrupted", disposition: .retry,
        message: "A statement on \(place) was cut off and undone (\(message), SQLSTATE 57014).")
    case "40003":
      StepFailure(
        code: "OutcomeUnknown", disposition: .stop,
        message: "The server of \(place) does not know what became of a statement (\(message),"
          + " SQLSTATE 40003). Look at `windlass schema` before anything else.")
    case "XXA00":
      StepFailure(
        code: "SchemaChangeFailed", disposition: .stop,
        message: "A statement on \(place)\(at) was committed, and its change of the schema failed"
          + " (\(message), SQLSTATE XXA00).")
    case "XXUUU", "XXC01":
      StepFailure(
        code: "StatementFailed", disposition: .stop,
        message: "A statement on \(place)\(at) failed: \(message) (SQLSTATE \(state)).")
    case "57P01", "57P02", "57P05", "25P03", "25P04":
      StepFailure(
        code: "ConnectionLost", disposition: .retry,
        message: "\(place) ended the session (\(message), SQLSTATE \(state)); what was not"
          + " committed is undone.")
    case "57P03":
      StepFailure(
        code: "DatabaseUnreachable", disposition: .retry,
        message: "\(place) does not take connections now (\(message)).")
    case "3D000":
      StepFailure(
        code: "DatabaseMissing", disposition: .stop,
        message: "\(place) does not exist (\(message)). Check the database URL, or make the"
          + " database with `createdb`.")
    case "42501":
      StepFailure(
        code: "PrivilegeMissing", disposition: .stop,
        message: "The \(whom) may not do what is needed on \(place)\(at): \(message). Grant it;"
          + " docs/roles.md says what each role needs, and why.")
    case "25006":
      StepFailure(
        code: "DatabaseReadOnly", disposition: .stop,
        message: "\(place) takes no writes in this session (\(message)). Check"
          + " `default_transaction_read_only` of the user and the database.")
    case "53100":
      StepFailure(
        code: "DiskFull", disposition: .stop,
        message: "The server of \(place) has no disk space left (\(message)); nothing was changed."
          + " Free space there, then try again.")
    default: nil
    }
  }

  private func byClass(_ state: String, _ place: String, _ whom: String) -> StepFailure? {
    switch state.prefix(2) {
    case "08":
      StepFailure(
        code: "ConnectionLost", disposition: .retry,
        message: "The connection to \(place) was lost (\(message), SQLSTATE \(state)).")
    case "23":
      StepFailure(
        code: "ConstraintViolated", disposition: .stop,
        message: "A statement on \(place)\(at) breaks a constraint (\(message), SQLSTATE"
          + " \(state)).")
    case "28":
      StepFailure(
        code: "LoginRefused", disposition: .stop,
        message: "\(place) refuses the \(whom) (\(message)). Check user,"
          + " password and the server's pg_hba.conf.")
    case "40":
      StepFailure(
        code: "DatabaseBusy", disposition: .retry,
        message: "A transaction on \(place) gave way to another (\(message), SQLSTATE \(state)).")
    case "53":
      StepFailure(
        code: "DatabaseBusy", disposition: .retry,
        message: "The server of \(place) is short of something (\(message), SQLSTATE \(state)).")
    case "XX", "58":
      StepFailure(
        code: "DatabaseCorrupt", disposition: .stop,
        message: "The server of \(place) reports an error of its own (\(message), SQLSTATE"
          + " \(state)). Look at its log before anything else.")
    default: nil
    }
  }
}

extension StepFailure {
  /// Makes a lost reply to `COMMIT` worth another attempt, for work that finds by itself what it
  /// did before.
  mutating func repeatIfOutcomeIsUnknown() {
    if code == "OutcomeUnknown" { disposition = .retry }
  }
}
