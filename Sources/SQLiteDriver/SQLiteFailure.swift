import CSQLite
import Glibc
import WindlassCore

/// The one place where SQLite's result codes become failures.
enum SQLiteFailure {
  /// Makes the failure for an extended result code.
  ///
  /// - Parameters:
  ///   - code: what the library returned; never `SQLITE_OK`, `SQLITE_ROW` or `SQLITE_DONE`.
  ///   - message: the library's own words; they name columns and tables, never values.
  ///   - path: the database file.
  ///   - systemError: the system call's error number, where the library tells one.
  static func failure(
    _ code: Int32, _ message: String, path: String, systemError: Int32 = 0
  ) -> StepFailure {
    // The primary code is the low byte of an extended one. A full disk is not always told as one:
    // making the shared index of a log fails as input and output.
    let isFull = [ENOSPC, EDQUOT, EFBIG].contains(systemError) && code & 0xff == SQLITE_IOERR
    return switch isFull ? SQLITE_FULL : code & 0xff {
    case SQLITE_BUSY, SQLITE_LOCKED, SQLITE_PROTOCOL:
      StepFailure(
        code: "DatabaseLocked", disposition: .retry,
        message: "Another connection holds the lock of \(path) (\(message)).")
    case SQLITE_SCHEMA, SQLITE_NOMEM:
      StepFailure(
        code: "DatabaseBusy", disposition: .retry,
        message: "SQLite could not go on with \(path) just now (\(message)).")
    case SQLITE_INTERRUPT:
      StepFailure(
        code: "Interrupted", disposition: .retry,
        message: "The statement on \(path) was interrupted and rolled back.")
    case SQLITE_FULL:
      StepFailure(
        code: "DiskFull", disposition: .stop,
        message: "The file system of \(path) is full; nothing was changed. Free space there,"
          + " then try again.")
    case SQLITE_CONSTRAINT:
      StepFailure(
        code: "ConstraintViolated", disposition: .stop,
        message: "A statement on \(path) breaks a constraint (\(message)).")
    case SQLITE_AUTH:
      StepFailure(
        code: "StatementRefused", disposition: .stop,
        message: "A statement for \(path) is not allowed in a migration (\(message)).")
    default:
      fileFailure(code, message, path: path)
    }
  }

  private static func fileFailure(
    _ code: Int32, _ message: String, path: String
  ) -> StepFailure {
    switch code & 0xff {
    case SQLITE_IOERR:
      StepFailure(
        code: "DiskFailure", disposition: .stop,
        message: "Reading or writing \(path) failed (\(message), code \(code)). Check the disk,"
          + " its quota and the kernel log, then try again.")
    case SQLITE_READONLY, SQLITE_PERM:
      StepFailure(
        code: "DatabaseReadOnly", disposition: .stop,
        message: "\(path) can't be written (\(message)). Give this user write permission on the"
          + " file and on its directory, where SQLite keeps the journal.")
    case SQLITE_CANTOPEN:
      StepFailure(
        code: "DatabaseUnreachable", disposition: .stop,
        message: "\(path) can't be opened (\(message)). Check that the path is right, that the"
          + " file exists and that this user may read and write it and its directory.")
    case SQLITE_CORRUPT:
      StepFailure(
        code: "DatabaseCorrupt", disposition: .stop,
        message: "\(path) is damaged (\(message)). Run `sqlite3 \(path) 'PRAGMA integrity_check'`"
          + " and restore a verified backup with `windlass restore`.")
    case SQLITE_NOTADB:
      StepFailure(
        code: "NotADatabase", disposition: .stop,
        message: "\(path) is not a SQLite database. Check the path in the database URL.")
    default:
      StepFailure(
        code: "StatementFailed", disposition: .stop,
        message: "A statement on \(path) failed: \(message).")
    }
  }
}
