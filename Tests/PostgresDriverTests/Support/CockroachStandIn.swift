import Foundation
import Glibc
import PostgresDriver
import Synchronization

/// PostgreSQL behind a proxy that answers as CockroachDB does, as far as Windlass asks.
///
/// It is no CockroachDB: it says version 25.2, has its statements instead of PostgreSQL's own for
/// sessions, jobs, definitions, backups and moments in the past, refuses what CockroachDB has not
/// (advisory locks, exported snapshots, a definition inside a transaction), and fails when a test
/// tells it to. What it can't show is how the real server plans, retries, leases and runs jobs.
final class CockroachStandIn: Sendable {
  /// What goes wrong with a statement.
  enum Fault: Sendable {
    /// The statement does nothing, and fails with the state.
    case failsBefore(String)
    /// The statement takes effect, and its reply is a failure with the state.
    case failsAfter(String)
    /// Another statement runs instead, and the reply is a failure with the state.
    case runsInstead(String, String)
    /// The statement takes effect, and the connection is lost instead of a reply.
    case losesReply
    /// The connection is lost, and the statement does nothing.
    case losesStatement
    /// The statement succeeds, and its job ends so.
    case jobEnds(String)
  }

  /// A job that the stand-in tells of.
  struct Job: Sendable {
    var description: String
    var status = "succeeded"
    /// What it becomes when it is waited for.
    var end = "succeeded"
    let created = Date()
  }

  struct State: Sendable {
    var faults: [(part: String, fault: Fault)] = []
    /// What happens to the statement of that number, from 1.
    var cut: (number: Int, fault: Fault)?
    var statements: [String] = []
    var jobs: [Job] = []
    var snapshots: [String: String] = [:]
    var isNodeSilent = false
  }

  let directory: String
  let server: PostgresServer
  let state = Mutex(State())
  private let listener: Int32

  init(before server: PostgresServer = .shared) throws {
    self.server = server
    directory = "/tmp/windlass-stand-in-\(UInt32.random(in: .min ... .max))"
    try FileManager.default.createDirectory(atPath: directory, withIntermediateDirectories: true)
    listener = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
    let bound = UnixAddress.with("\(directory)/.s.PGSQL.26257") { [listener] in
      bind(listener, $0, $1)
    }
    guard bound == 0, listen(listener, 16) == 0 else { throw CocoaError(.fileWriteUnknown) }
    Thread.detachNewThread { [listener, self] in
      while true {
        let client = Glibc.accept(listener, nil, nil)
        guard client >= 0 else { return }
        Thread.detachNewThread { [self] in StandInSession(self, client).run() }
      }
    }
  }

  /// Stops taking connections and removes the directory.
  func close() {
    shutdown(listener, Int32(SHUT_RDWR))
    // A directory that stays behind harms no test.
    try? FileManager.default.removeItem(atPath: directory)
  }

  /// The same database through this proxy.
  func url(of url: PostgresURL) throws -> PostgresURL {
    try PostgresURL("cockroachdb://windlass@/\(url.database)?host=\(directory)")
  }

  /// Lets the next statement that holds that text go wrong.
  func inject(_ fault: Fault, into part: String) {
    state.withLock { $0.faults.append((part, fault)) }
  }

  /// Every statement that was sent, as it was sent.
  var statements: [String] { state.withLock { $0.statements } }

  /// Whether every fault was met.
  var hasMetAll: Bool { state.withLock { $0.faults.isEmpty } }

  /// Takes the fault that is meant for a statement.
  func fault(for statement: String) -> Fault? {
    state.withLock { state in
      state.statements.append(statement)
      if let cut = state.cut, cut.number == state.statements.count { return cut.fault }
      guard let index = state.faults.firstIndex(where: { statement.contains($0.part) }) else {
        return nil
      }
      return state.faults.remove(at: index).fault
    }
  }
}

/// One client's session, relayed message by message.
private final class StandInSession {
  private let owner: CockroachStandIn
  private let client: Int32
  private let upstream: Int32
  /// Whether a transaction is open, as the server said last.
  private var isInTransaction = false
  /// What the reply under way is replaced with.
  private var replacement: (state: String, isLost: Bool)?
  private var hasStarted = false
  private var backups: StandInBackups?

  init(_ owner: CockroachStandIn, _ client: Int32) {
    self.owner = owner
    self.client = client
    upstream = socket(AF_UNIX, Int32(SOCK_STREAM.rawValue), 0)
  }

  func run() {
    defer {
      _ = Glibc.close(client)
      _ = Glibc.close(upstream)
    }
    let connected = UnixAddress.with("\(owner.server.directory)/.s.PGSQL.5432") {
      connect(upstream, $0, $1)
    }
    guard connected == 0 else { return }
    var (fromClient, fromServer): ([UInt8], [UInt8]) = ([], [])
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while true {
      var entries = [
        pollfd(fd: client, events: Int16(POLLIN), revents: 0),
        pollfd(fd: upstream, events: Int16(POLLIN), revents: 0),
      ]
      guard poll(&entries, 2, -1) > 0 else { return }
      for (index, entry) in entries.enumerated() where entry.revents != 0 {
        let count = read(entry.fd, &buffer, buffer.count)
        guard count > 0 else { return }
        if index == 0 {
          fromClient += buffer[..<count]
          guard takeFromClient(&fromClient) else { return }
        } else {
          fromServer += buffer[..<count]
          guard takeFromServer(&fromServer) else { return }
        }
      }
    }
  }

  private func takeFromClient(_ bytes: inout [UInt8]) -> Bool {
    while true {
      let header = hasStarted ? 1 : 0
      guard let message = Self.message(&bytes, header: header) else { return true }
      if !hasStarted {
        hasStarted = true
        guard send(upstream, started(message)) else { return false }
        continue
      }
      switch message[0] {
      case UInt8(ascii: "Q"), UInt8(ascii: "P"):
        guard let changed = changed(message), send(upstream, changed) else { return false }
      default: guard send(upstream, message) else { return false }
      }
    }
  }

  /// The first message, in which the database `system` is PostgreSQL's own.
  private func started(_ message: [UInt8]) -> [UInt8] {
    var words = message[8...].split(separator: 0, omittingEmptySubsequences: false).map(Array.init)
    let mark = words.firstIndex(of: Array("database".utf8)).map { $0 + 1 }
    var database = mark.map { String(decoding: words[$0], as: UTF8.self) } ?? ""
    if database == "system", let mark {
      database = "postgres"
      words[mark] = Array(database.utf8)
    }
    backups = StandInBackups(owner, database: database)
    let body = Array(words.joined(separator: [0]))
    return Self.length(body.count + 8) + message[4..<8] + body
  }

  /// The statement as PostgreSQL gets it; nil when the connection is to be lost instead.
  private func changed(_ message: [UInt8]) -> [UInt8]? {
    var body = Array(message[5...])
    var name: [UInt8] = []
    if message[0] == UInt8(ascii: "P"), let end = body.firstIndex(of: 0) {
      name = Array(body[...end])
      body = Array(body[(end + 1)...])
    }
    guard let end = body.firstIndex(of: 0) else { return message }
    let text = String(decoding: body[..<end], as: UTF8.self)
    let rest = Array(body[end...])
    var job: CockroachStandIn.Job?
    var answer =
      backups?.answer(to: text)
      ?? owner.answer(to: text, isInTransaction: isInTransaction, job: &job)
    switch owner.fault(for: text) {
    case .failsBefore(let state): (answer, job) = (Self.raising(state), nil)
    case .failsAfter(let state): replacement = (state, false)
    case .runsInstead(let other, let state):
      answer = CockroachStandIn.translated(other)
      replacement = (state, false)
    case .losesReply: replacement = ("", true)
    case .losesStatement: return nil
    case .jobEnds(let end):
      job?.end = end
      job?.status = "running"
    case nil: break
    }
    if let job { owner.state.withLock { $0.jobs.append(job) } }
    let changed = name + Array(answer.utf8) + rest
    return [message[0]] + Self.length(changed.count + 4) + changed
  }

  /// A statement that fails with the state, so that the server's transaction does as well.
  static func raising(_ state: String, _ message: String = "injected by the stand-in") -> String {
    "DO $raise$ BEGIN RAISE EXCEPTION '\(message)' USING ERRCODE = '\(state)'; END $raise$"
  }

  private func takeFromServer(_ bytes: inout [UInt8]) -> Bool {
    var out: [UInt8] = []
    while let message = Self.message(&bytes, header: 1) {
      let isReady = message[0] == UInt8(ascii: "Z")
      if isReady { isInTransaction = message.last != UInt8(ascii: "I") }
      guard let replacement else {
        out += message
        continue
      }
      guard isReady else {
        // A failure of the server's own is told as it is.
        if message[0] == UInt8(ascii: "E") {
          self.replacement = nil
          out += message
        }
        continue
      }
      self.replacement = nil
      if replacement.isLost { return false }
      out += Self.error(replacement.state) + message
    }
    return out.isEmpty || send(client, out)
  }

  private static func error(_ state: String) -> [UInt8] {
    let fields = ["SERROR", "VERROR", "C\(state)", "Minjected by the stand-in"]
    let body = fields.reduce(into: [UInt8]()) { $0 += Array($1.utf8) + [0] } + [0]
    return [UInt8(ascii: "E")] + length(body.count + 4) + body
  }

  private static func length(_ count: Int) -> [UInt8] {
    [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: count >> $0) }
  }

  /// Takes one whole message off the front.
  private static func message(_ bytes: inout [UInt8], header: Int) -> [UInt8]? {
    guard bytes.count >= header + 4 else { return nil }
    let length = bytes[header..<header + 4].reduce(0) { $0 << 8 | Int($1) }
    guard bytes.count >= header + length else { return nil }
    defer { bytes.removeFirst(header + length) }
    return Array(bytes[..<(header + length)])
  }

  private func send(_ descriptor: Int32, _ bytes: [UInt8]) -> Bool {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
      guard count > 0 else { return false }
      rest = rest.dropFirst(count)
    }
    return true
  }
}

/// Addresses of UNIX sockets.
enum UnixAddress {
  /// Lends the address of a path.
  static func with(
    _ path: String, _ body: (UnsafePointer<sockaddr>, socklen_t) -> Int32
  ) -> Int32 {
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: path.utf8) }
    return withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
        body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
      }
    }
  }
}
