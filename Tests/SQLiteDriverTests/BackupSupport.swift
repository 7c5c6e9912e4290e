import Glibc
import WindlassCore

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

/// Damages bytes in ways that disks, networks and people do.
enum Mutator {
  static func damage(
    _ bytes: [UInt8], variant: Int, _ generator: inout SeededGenerator
  ) -> [UInt8] {
    var damaged = bytes
    let offset = Int.random(in: 0..<bytes.count, using: &generator)
    let page = offset / 4_096 * 4_096
    switch variant % 6 {
    case 0: damaged[offset] ^= 1 << UInt8.random(in: 0..<8, using: &generator)
    case 1: damaged.removeLast(bytes.count - offset)
    case 2: for index in page..<min(page + 4_096, bytes.count) { damaged[index] = 0 }
    case 3: damaged.append(0)
    case 4: damaged.removeLast(bytes.count - page)
    default:
      let other = Int.random(in: 0..<bytes.count / 4_096, using: &generator) * 4_096
      for index in 0..<4_096 { damaged.swapAt(page + index, other + index) }
    }
    return damaged
  }
}

/// A small generator whose values follow from a seed.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var value = state
    value = (value ^ (value >> 30)) &* 0xBF58_476D_1CE4_E5B9
    value = (value ^ (value >> 27)) &* 0x94D0_49BB_1331_11EB
    return value ^ (value >> 31)
  }
}

func permissions(of path: String) throws -> UInt32 {
  var status = stat()
  guard stat(path, &status) == 0 else { throw TestFailure("\(path) is not there") }
  return status.st_mode & 0o777
}

func setPermissions(of path: String, to mode: UInt32) throws {
  guard chmod(path, mode) == 0 else { throw TestFailure("chmod failed") }
}
