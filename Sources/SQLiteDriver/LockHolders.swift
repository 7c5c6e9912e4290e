import Glibc
import WindlassCore
import WindlassSchema

/// Who holds SQLite's locks on a file, as the kernel lists them.
///
/// The database itself is never opened to ask: closing a second descriptor of it would drop the
/// locks that this process holds on it.
enum LockHolders {
  /// The processes that hold a write lock on the database or its shared index, ascending; empty
  /// where the kernel does not tell.
  static func processes(path: String) -> [Int32] {
    let files = [path, path + "-shm"].compactMap(inode)
    guard !files.isEmpty, let table = ProcessFile.read("/proc/locks") else { return [] }
    var processes: Set<Int32> = []
    for line in table.split(separator: "\n") {
      // `1: POSIX  ADVISORY  WRITE 4711 08:01:1234567 120 120`
      let fields = line.split(separator: " ")
      guard fields.count == 8, fields[1] == "POSIX", fields[3] == "WRITE",
        let process = Int32(fields[4]), process > 0, process != getpid(),
        let number = fields[5].split(separator: ":").last, files.contains(String(number))
      else { continue }
      processes.insert(process)
    }
    return processes.sorted()
  }

  /// The failure for a lock that was not had before the deadline, naming who holds it.
  static func lockNotObtained(path: String, waited: Interval) -> StepFailure {
    let holders = processes(path: path).map(String.init).joined(separator: ", ")
    let whom = holders.isEmpty ? "another connection" : "process \(holders)"
    return StepFailure(
      code: "LockNotObtained", disposition: .retry,
      message: "The write lock of \(path) was not had within \(waited): \(whom) holds it."
        + " Nothing was changed. End the long transaction there, then try again.")
  }

  private static func inode(_ path: String) -> String? {
    var status = stat()
    return stat(path, &status) == 0 ? String(status.st_ino) : nil
  }
}

extension LockBackoff {
  /// Tries until the attempt succeeds, fails for good, or the deadline is over; a lock that was not
  /// had in time is told with its holders.
  static func retrying<Result>(
    deadline: Interval, path: String, _ attempt: () throws(StepFailure) -> Result
  ) async throws(StepFailure) -> Result {
    let overdue = { (failure: StepFailure, waited: Interval) -> StepFailure in
      failure.code == "DatabaseLocked"
        ? LockHolders.lockNotObtained(path: path, waited: waited) : failure
    }
    return try await retrying(deadline: deadline, overdue: overdue) { () throws(StepFailure) in
      try attempt()
    }
  }
}
