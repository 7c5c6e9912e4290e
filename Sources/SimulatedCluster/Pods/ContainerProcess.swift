import Glibc
import KubernetesFleet
import WindlassCore

/// What to run as a container.
struct ProcessOrder: Sendable {
  /// The program and its words.
  var command: [String]
  var environment: [(name: String, value: String)]
  var directory: String
  /// The file that takes what it prints.
  var log: String
  /// Marks everything that the container starts, so that all of it can be ended.
  var mark: String
  /// Whether it gets a network of its own, with nothing in it but itself.
  var hasOwnNetwork = false
}

/// Why a container's program could not be started.
struct StartFailure: Error, CustomStringConvertible {
  var description: String
}

/// One process that stands for a container, in a session of its own; it is killed when this process
/// ends, whatever ends it.
final class ContainerProcess: Sendable {
  private let life: ProcessLife
  private let mark: String

  var pid: Int32 { life.pid }

  /// The name of the variable that holds the mark.
  static let markName = "WINDLASS_NODE_CONTAINER"

  /// Starts the program.
  init(_ order: ProcessOrder) throws(StartFailure) {
    mark = order.mark
    let program = try Self.program(of: order)
    life = try ProcessLife(order, program)
  }

  private static let usualPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

  private static func program(of order: ProcessOrder) throws(StartFailure) -> String {
    guard let first = order.command.first else {
      throw StartFailure(description: "no command specified")
    }
    let path = order.environment.last { $0.name == "PATH" }?.value ?? usualPath
    guard let program = program(first, path: path) else {
      throw StartFailure(
        description: "exec: \"\(first)\": executable file not found in $PATH")
    }
    return program
  }

  private static func program(_ word: String, path: String) -> String? {
    if word.contains("/") { return access(word, X_OK) == 0 ? word : nil }
    return path.split(separator: ":").map { "\($0)/\(word)" }.first { access($0, X_OK) == 0 }
  }

  // MARK: - Its end

  /// The exit code; nil while it runs.
  var exitCode: Int? { life.exitCode }

  /// Waits until it has ended, the time has come or the task is cancelled; the exit code if it has.
  func wait(until time: Timestamp?, _ clock: any RunClock) async -> Int? {
    while !Task.isCancelled {
      let seen = life.news.count
      if let code = exitCode { return code }
      if let time, clock.now() >= time { return nil }
      await life.news.wait(after: seen, orUntil: time, clock)
    }
    return exitCode
  }

  /// Sends a signal to the first process alone, as a runtime does.
  func signal(_ number: Int32) { life.signal(number) }

  /// Ends everything that the container started.
  func kill() {
    life.signal(SIGKILL)
    ProcessLife.killMarked(mark, but: pid)
  }
}
