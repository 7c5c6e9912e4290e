import Glibc
import WindlassCore
import WindlassSchema

/// PostgreSQL's own archives: one file that holds a whole database.
struct PostgresArchive {
  let programs: ClientPrograms
  /// Where passwords lie while a program runs; private.
  let directory: String

  /// Writes the database as it is in an exported snapshot to a new file, durably.
  ///
  /// - Returns: the file's SHA-256 and its size.
  func dump(
    _ url: PostgresURL, snapshot: String, to path: String
  ) throws(StepFailure) -> (digest: Digest, size: Int64) {
    let access = try ClientAccess(
      url, applicationName: "windlass/backup", directory: directory)
    var words = [
      programs.dump, "--dbname=\(access.connection)", "--no-password", "--format=custom",
      // Most of the time goes into compressing: this level is three times as fast, and the file
      // little larger.
      "--compress=1", "--snapshot=\(snapshot)", "--encoding=UTF8",
      "--lock-wait-timeout=\(Bounds.backupLockWait.milliseconds)",
    ]
    words += OwnTables.volatile.sorted().map { "--exclude-table-data=*.\($0)" }
    let child = try ClientProcess(words, environment: access.environment)
    let file = try FileWriter(path)
    let ending = try withExtendedLifetime(access) { () throws(StepFailure) in
      try child.run(within: Bounds.backupDeadline) { bytes throws(StepFailure) in
        try file.write(bytes)
      }
    }
    guard ending.isSuccess else {
      throw StepFailure(
        code: "DumpFailed", disposition: .retry,
        message: "pg_dump of \(url.place) failed: \(ending.complaints). Nothing was changed, and no"
          + " backup was taken. Remove the reason; the next attempt takes a new one.")
    }
    return try file.close()
  }

  /// Restores an archive into an empty database.
  ///
  /// - Parameter keepsOwners: whether owners and privileges are restored, which only a user that
  ///   has all the owners' rights can do.
  func restore(
    _ path: String, into url: PostgresURL, keepsOwners: Bool
  ) throws(StepFailure) {
    let access = try ClientAccess(
      url, applicationName: "windlass/restore", directory: directory)
    var words = [
      programs.restore, "--dbname=\(access.connection)", "--no-password", "--exit-on-error",
    ]
    if !keepsOwners {
      // A copy must not publish, subscribe, or need others' roles and tablespaces.
      words += [
        "--no-owner", "--no-privileges", "--no-tablespaces", "--no-publications",
        "--no-subscriptions", "--no-security-labels",
      ]
    }
    let child = try ClientProcess(words + [path], environment: access.environment)
    let ending = try withExtendedLifetime(access) { () throws(StepFailure) in
      try child.run(within: Bounds.backupDeadline)
    }
    guard ending.isSuccess else {
      throw StepFailure(
        code: "RestoreFailed", disposition: .stop,
        message: "pg_restore of \(path) into \(url.place) failed: \(ending.complaints).")
    }
  }
}

/// A new file that is written piece by piece.
private final class FileWriter {
  private let path: String
  private var descriptor: Int32
  private var hash = SHA256()
  private var size: Int64 = 0

  /// Makes the file, for this user alone.
  init(_ path: String) throws(StepFailure) {
    self.path = path
    descriptor = try FileStream.create(path)
  }

  deinit { if descriptor >= 0 { Glibc.close(descriptor) } }

  /// Writes what comes next.
  func write(_ bytes: UnsafeRawBufferPointer) throws(StepFailure) {
    try FileStream.write(bytes, to: descriptor, path: path)
    hash.update(bytes)
    size += Int64(bytes.count)
  }

  /// Makes the file durable, and returns what was written.
  func close() throws(StepFailure) -> (digest: Digest, size: Int64) {
    Glibc.close(descriptor)
    descriptor = -1
    try FileStream.synchroniseFile(path)
    var finished = SHA256()
    swap(&hash, &finished)
    return (finished.finish(), size)
  }
}
