import Logging
import Synchronization
import WindlassCore

@testable import KubernetesFleet
@testable import windlass

/// One operator with an identity of its own, which can be killed and frozen like a process.
///
/// Its identity is also the user as whom it asks the server, so that requests can be counted and
/// struck by operator.
final class OperatorProcess: Sendable {
  private enum Condition: Sendable { case lives, isFrozen, isDead }

  let identity: String
  /// What it drives while it leads.
  let roster = ServiceRoster()
  private let condition = Mutex(Condition.lives)
  private let news = Signal()
  private let ending = Signal()
  private let task = Mutex<Task<Void, Never>?>(nil)
  private let lines = Mutex<[String]>([])
  /// What its clock shows at least.
  private let floor = Mutex<Timestamp?>(nil)
  private let startFailure = Mutex<CommandFailure?>(nil)

  init(_ identity: String) { self.identity = identity }

  /// Runs it in a task of its own on a world's thread.
  func start(on time: VirtualTime, _ work: @escaping @Sendable (Signal) async -> Void) {
    let ending = ending
    let new = Task(executorPreference: time) { await work(ending) }
    task.withLock { $0 = new }
  }

  // MARK: - What a test does to it

  /// Ends it as SIGKILL does: from now on nothing that it asks reaches the server, and nothing
  /// that was answered reaches it.
  func kill() {
    condition.withLock { $0 = .isDead }
    task.withLock { $0 }?.cancel()
    news.send()
  }

  /// Stops it as SIGSTOP does: what it was about to ask is asked when it goes on, however late;
  /// what the server has answered waits, and so does what it slept for.
  ///
  /// What it computes at this moment it computes to the end, which nobody can see.
  ///
  /// - Parameter floor: What its clock shows from now on at least: as much of the time that it
  ///   stands still as has passed before it computes that.
  func freeze(showing floor: Timestamp? = nil) {
    condition.withLock { if $0 == .lives { $0 = .isFrozen } }
    self.floor.withLock { $0 = floor }
  }

  /// Lets it go on as SIGCONT does; all the time has passed for it, too.
  func thaw() {
    condition.withLock { if $0 == .isFrozen { $0 = .lives } }
    news.send()
  }

  /// Tells it to end, as SIGTERM does.
  func terminate() { ending.send() }

  /// Returns when it has ended.
  func end() async { await task.withLock { $0 }?.value }

  /// Why it ended by itself before it began; nil for one that has not.
  var failure: CommandFailure? { startFailure.withLock { $0 } }

  /// Notes why it ended by itself before it began.
  func fail(_ failure: CommandFailure) { startFailure.withLock { $0 = failure } }

  var isDead: Bool { condition.withLock { $0 == .isDead } }

  var isFrozen: Bool { condition.withLock { $0 == .isFrozen } }

  /// The lines of its log.
  var log: [String] { lines.withLock { $0 } }

  // MARK: - What its parts ask

  /// Returns while it lives: at once, or when it is thawed; for one that is dead, when the task is
  /// cancelled.
  func pass() async {
    while !Task.isCancelled {
      let seen = news.count
      guard condition.withLock({ $0 != .lives }) else { return }
      await news.wait(after: seen)
    }
  }

  /// Its clock, by which it does not wake while it is frozen.
  func clock(_ time: VirtualTime) -> any RunClock { ProcessClock(time: time, process: self) }

  /// Its logger.
  func logger(_ time: VirtualTime) -> Logger {
    var logger = Logger(label: "windlass") { _ in
      KeptLog(time: time) { [self] line in lines.withLock { $0.append(line) } }
    }
    logger.logLevel = .info
    return logger
  }

  private struct ProcessClock: RunClock {
    let time: VirtualTime
    let process: OperatorProcess

    func now() -> Timestamp {
      let now = time.now()
      return process.floor.withLock { max($0 ?? now, now) }
    }

    func sleep(until moment: Timestamp) async {
      await time.sleep(until: moment)
      await process.pass()
    }
  }

  private struct KeptLog: LogHandler {
    let time: VirtualTime
    let keep: @Sendable (String) -> Void
    var metadata: Logger.Metadata = [:]
    var logLevel = Logger.Level.info

    init(time: VirtualTime, keep: @escaping @Sendable (String) -> Void) {
      self.time = time
      self.keep = keep
    }

    subscript(metadataKey key: String) -> Logger.Metadata.Value? {
      get { metadata[key] }
      set { metadata[key] = newValue }
    }

    func log(event: LogEvent) {
      let all = metadata.merging(event.metadata ?? [:]) { _, new in new }
      let pairs = all.sorted { $0.key < $1.key }.map { " \($0.key)=\"\($0.value)\"" }
      keep("\(time.now().rfc3339) \(event.level.rawValue) \(event.message)\(pairs.joined())")
    }
  }
}
