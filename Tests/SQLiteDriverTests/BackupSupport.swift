import Glibc
import WindlassCore
import WindlassSchema

@testable import SQLiteDriver

/// A service that writes without a pause, two tables in each transaction, until it is stopped.
actor Writer {
  private let executor = BlockingExecutor(label: "test.writer")
  private let path: String
  private var isStopped = false

  nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

  init(path: String) { self.path = path }

  /// Writes until `stop`, at most 20,000 times, and returns how often.
  func run() async throws -> Int {
    let connection = try SQLiteConnection.opened(path, mode: nil)
    var count = 0
    while !isStopped, count < 20_000 {
      _ = try connection.transaction(TransactionLimits(lockBudget: .seconds(5))) {
        connection throws(StepFailure) in
        try connection.execute("INSERT INTO log (text) VALUES (?)", [.integer(Int64(count))])
        try connection.execute("INSERT INTO pairs VALUES (?, 'z')", [.integer(Int64(count) + 10)])
      }
      count += 1
      await Task.yield()
    }
    return count
  }

  func stop() { isStopped = true }
}

func permissions(of path: String) throws -> UInt32 {
  var status = stat()
  guard stat(path, &status) == 0 else { throw TestFailure("\(path) is not there") }
  return status.st_mode & 0o777
}

func setPermissions(of path: String, to mode: UInt32) throws {
  guard chmod(path, mode) == 0 else { throw TestFailure("chmod failed") }
}
