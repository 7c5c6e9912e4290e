import Dispatch
import Glibc
import Synchronization

/// What changes the table in a trial.
enum LockChange {
  case nothing
  /// `windlass migrate` with its arguments.
  case windlass([String])
  /// The engine's own client with its arguments.
  case client([String])

  fileprivate var words: [String]? {
    switch self {
    case .nothing: nil
    case .windlass(let words), .client(let words): words
    }
  }
}

/// Clients read and write a table, a transaction holds it open, and somebody wants to change it.
struct LockTrial {
  let server: LockServer
  let rows: Int
  let clients: Int
  let log: String

  /// How long a client thinks between two requests.
  static let pause: useconds_t = 2_000
  /// How long the clients work before anything happens, and after everything has.
  static let margin: useconds_t = 300_000

  /// Runs one trial.
  ///
  /// - Parameter hold: how long the transaction holds the table open.
  /// - Returns: the longest that a client waited for a reply.
  func run(_ change: LockChange, hold: Duration) throws(BenchFailure) -> Duration {
    let crowd = try Crowd(self)
    usleep(Self.margin)
    crowd.forget()
    let ended = Result { () throws(BenchFailure) in try disturb(change, hold) }
    usleep(Self.margin)
    let longest = try crowd.stop()
    try ended.get()
    return longest
  }

  private func disturb(_ change: LockChange, _ hold: Duration) throws(BenchFailure) {
    let holder = try server.connect()
    try holder.run("BEGIN")
    try holder.run("SELECT * FROM accounts WHERE id = 1")
    let until = ContinuousClock.now + hold
    let program: ChildProcess? =
      if let words = change.words { try ChildProcess(words, log: log) } else { nil }
    while ContinuousClock.now < until { usleep(5_000) }
    try holder.run("COMMIT")
    _ = try program?.wait()
  }
}

/// Clients that read and write until they are told to stop.
private final class Crowd: Sendable {
  private struct State {
    var isStopped = false
    var longest = Duration.zero
    var failure: BenchFailure?
  }

  private let state = Mutex(State())
  private let group = DispatchGroup()

  init(_ trial: LockTrial) throws(BenchFailure) {
    for number in 1...trial.clients {
      let connection = try trial.server.connect()
      let rows = trial.rows
      DispatchQueue(label: "client-\(number)").async(group: group) {
        self.work(on: connection, rows: rows)
      }
    }
  }

  /// Begins to measure anew.
  func forget() { state.withLock { $0.longest = .zero } }

  /// Stops the clients and returns the longest wait of any.
  func stop() throws(BenchFailure) -> Duration {
    state.withLock { $0.isStopped = true }
    group.wait()
    let end = state.withLock { $0 }
    if let failure = end.failure { throw failure }
    return end.longest
  }

  private func work(on connection: any LockConnection, rows: Int) {
    var random = SystemRandomNumberGenerator()
    do throws(BenchFailure) {
      while state.withLock({ !$0.isStopped }) {
        let row = Int.random(in: 1...rows, using: &random)
        let statement =
          Bool.random(using: &random)
          ? "SELECT * FROM accounts WHERE id = \(row)"
          : "UPDATE accounts SET balance = balance + 1 WHERE id = \(row)"
        let began = ContinuousClock.now
        try connection.run(statement)
        let took = began.duration(to: .now)
        state.withLock { $0.longest = max($0.longest, took) }
        usleep(LockTrial.pause)
      }
    } catch {
      state.withLock { $0.failure = $0.failure ?? error }
    }
  }
}
