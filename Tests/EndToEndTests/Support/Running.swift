import Foundation
import Glibc
import Synchronization

/// How a program ended, and what it wrote.
struct Ended: Sendable {
  /// Its exit status, or 128 and the signal.
  var status: Int32
  var output: String
  var errors: String

  var wasKilled: Bool { status == 128 + SIGKILL }
}

/// Programs of this package, as they were built beside the tests.
enum Tool {
  /// The directory of the test executable.
  static let directory: String = {
    let path = (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/exe")) ?? ""
    return URL(fileURLWithPath: path).deletingLastPathComponent().path
  }()

  static func path(_ name: String) -> String { directory + "/" + name }

  /// Runs a program to its end.
  static func run(
    _ name: String, _ arguments: [String], environment: [String: String] = [:]
  ) async throws -> Ended {
    let running = try Running(name, arguments, environment: environment)
    return await running.end()
  }
}

/// A program that runs.
final class Running: Sendable {
  let pid: Int32
  private let folder: URL
  private let ended: Mutex<(status: Int32?, waiters: [CheckedContinuation<Int32, Never>])>

  init(_ name: String, _ arguments: [String], environment: [String: String] = [:]) throws {
    let folder = FileManager.default.temporaryDirectory
      .appendingPathComponent("windlass-run-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    let output = folder.appendingPathComponent("out")
    let errors = folder.appendingPathComponent("err")
    for file in [output, errors] { try Data().write(to: file) }
    let process = Process()
    process.executableURL = URL(fileURLWithPath: name.hasPrefix("/") ? name : Tool.path(name))
    process.arguments = arguments
    var variables = ProcessInfo.processInfo.environment
    variables.merge(environment) { _, new in new }
    process.environment = variables
    process.standardInput = FileHandle.nullDevice
    process.standardOutput = try FileHandle(forWritingTo: output)
    process.standardError = try FileHandle(forWritingTo: errors)
    let ended = EndSignal()
    process.terminationHandler = { process in
      let isSignal = process.terminationReason == .uncaughtSignal
      ended.finish((isSignal ? 128 : 0) + process.terminationStatus)
    }
    try process.run()
    pid = process.processIdentifier
    self.folder = folder
    self.ended = Mutex((nil, []))
    ended.forward { [self] status in finish(status) }
  }

  /// Whether it has not ended.
  var isRunning: Bool { ended.withLock { $0.status == nil } }

  /// Waits for the end.
  func end() async -> Ended {
    let status: Int32 = await withCheckedContinuation { continuation in
      let known = ended.withLock { ended -> Int32? in
        if ended.status == nil { ended.waiters.append(continuation) }
        return ended.status
      }
      if let known { continuation.resume(returning: known) }
    }
    let result = Ended(status: status, output: text("out"), errors: text("err"))
    try? FileManager.default.removeItem(at: folder)
    return result
  }

  /// Sends a signal and waits for the end.
  func end(by signal: Int32) async -> Ended {
    kill(pid, signal)
    return await end()
  }

  /// What it wrote so far.
  func text(_ name: String) -> String {
    (try? String(contentsOf: folder.appendingPathComponent(name), encoding: .utf8)) ?? ""
  }

  private func finish(_ status: Int32) {
    let waiters = ended.withLock { ended -> [CheckedContinuation<Int32, Never>] in
      ended.status = status
      defer { ended.waiters = [] }
      return ended.waiters
    }
    for waiter in waiters { waiter.resume(returning: status) }
  }
}

/// Carries an exit status to whoever asks for it, before or after it is there.
private final class EndSignal: Sendable {
  private let state = Mutex<(status: Int32?, receiver: (@Sendable (Int32) -> Void)?)>((nil, nil))

  func finish(_ status: Int32) {
    let receiver = state.withLock { state in
      state.status = status
      return state.receiver
    }
    receiver?(status)
  }

  func forward(to receiver: @escaping @Sendable (Int32) -> Void) {
    let status = state.withLock { state in
      state.receiver = receiver
      return state.status
    }
    if let status { receiver(status) }
  }
}
