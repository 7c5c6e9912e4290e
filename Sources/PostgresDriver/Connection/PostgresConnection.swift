import CPostgres
import Glibc
package import WindlassCore
package import WindlassSchema

/// One session with a PostgreSQL server, used by one thread at a time, and the only owner of its
/// handle.
///
/// It blocks, so it lives inside an actor with a `BlockingExecutor`. When the task that waits is
/// cancelled, or a deadline is over, the server is told to give the statement up.
package final class PostgresConnection {
  let library: PostgresLibrary
  let handle: OpaquePointer
  /// Host and database, for a person.
  package let place: String
  /// Whose session it is, for a person, behind an article.
  let whom: String
  /// What the session's user is for; nil for a URL from the command line.
  let role: DatabaseRole?
  /// The server process of this session.
  package let process: Int32
  /// Such as 150004; CockroachDB tells that of the PostgreSQL that it is like.
  package let serverVersion: Int
  /// Which server this is; the URL says it, and the server agreed.
  package let dialect: PostgresDialect
  /// What the server said about itself when the session began.
  package private(set) var server = ServerIdentity()
  /// When the transaction under way is to be given up; nil without one.
  var deadline: ContinuousClock.Instant?
  /// What the server said of the last statement that it refused, in its own words.
  var lastError: PostgresError?
  /// How long the client waits for a statement, a little longer than the server does.
  var patience: Interval
  private let notices = NoticeLog()
  /// The statements that the server keeps for this session, each under its name.
  var prepared: [String: String] = [:]
  /// How many names were given, of which some may stand for nothing.
  var preparedCount = 0

  /// Connects, brings the session's limits to the options' values, and reads them back.
  ///
  /// - Throws: also for a standby, for a pooler between here and the server, and for another server
  ///   than the one that is expected.
  package convenience init(_ options: PostgresOptions) throws(StepFailure) {
    try self.init(opening: options)
    do throws(StepFailure) {
      switch dialect {
      case .postgres: server = try configure(options)
      case .cockroachdb:
        try configureCockroach(options)
        server = try identifyCockroach(options)
      }
    } catch {
      throw try otherEngine() ?? error
    }
  }

  private init(opening options: PostgresOptions) throws(StepFailure) {
    let library = try PostgresLibrary.shared()
    place = options.url.place
    whom = options.url.whom
    role = options.url.role
    dialect = options.url.dialect
    self.library = library
    patience = options.statementTimeout
    handle = try Self.connect(options, library)
    process = library.backendProcess(handle)
    serverVersion = Int(library.serverVersion(handle))
    _ = library.setNonBlocking(handle, 1)
    _ = library.setNoticeReceiver(
      handle,
      { context, result in
        guard let context else { return }
        Unmanaged<NoticeLog>.fromOpaque(context).takeUnretainedValue().add(result)
      }, Unmanaged.passUnretained(notices).toOpaque())
    guard dialect == .cockroachdb || serverVersion >= Self.oldestServer else {
      throw StepFailure(
        code: "ServerTooOld", disposition: .stop,
        message: "\(place) runs PostgreSQL \(serverVersion / 10_000), and Windlass needs 12 or"
          + " newer.")
    }
  }

  deinit { library.finish(handle) }

  private static let oldestServer = 120_000

  /// The server's notices since the last call, oldest first; the oldest beyond a bound are lost.
  package func takeNotices() -> [String] { notices.take() }

  /// Whether the session can still be used.
  package var isAlive: Bool { library.status(handle) == CONNECTION_OK }

  /// Whether a transaction is open, also one that failed.
  package var isInTransaction: Bool { library.transactionStatus(handle) != PQTRANS_IDLE }

  // MARK: Connecting

  private static func connect(
    _ options: PostgresOptions, _ library: PostgresLibrary
  ) throws(StepFailure) -> OpaquePointer {
    var keywords = options.url.keywords
    keywords.append(("application_name", Secret(String(options.applicationName.prefix(63)))))
    keywords.append(("client_encoding", Secret("UTF8")))
    keywords.append(("fallback_application_name", Secret("windlass")))
    let names = CTexts(keywords.map(\.name))
    let values = CTexts(keywords.map { $0.value.reveal() })
    let handle = withExtendedLifetime((names, values)) {
      library.connectStart(names.pointer, values.pointer, 0)
    }
    guard let handle else {
      throw PostgresError(message: "no memory").failure(
        place: options.url.place, whom: options.url.whom)
    }
    // With its codes, since a connection that fails tells them in no other way.
    _ = library.setVerbosity(handle, PQERRORS_VERBOSE)
    do throws(StepFailure) {
      try complete(handle, library, options.url)
    } catch {
      library.finish(handle)
      throw error
    }
    return handle
  }

  private static func complete(
    _ handle: OpaquePointer, _ library: PostgresLibrary, _ url: PostgresURL
  ) throws(StepFailure) {
    let deadline = ContinuousClock.now + .milliseconds(Bounds.connectTimeout.milliseconds)
    guard library.status(handle) != CONNECTION_BAD else {
      throw refused(handle, library, url)
    }
    var state = PGRES_POLLING_WRITING
    while true {
      switch state {
      case PGRES_POLLING_OK: return
      case PGRES_POLLING_READING, PGRES_POLLING_WRITING:
        let events = Int16(state == PGRES_POLLING_READING ? POLLIN : POLLOUT)
        _ = Descriptor.wait(
          library.socket(handle), events, for: Bounds.cancellationPoll.milliseconds)
        guard ContinuousClock.now < deadline, !Task.isCancelled else {
          throw unreachable(url.place, "it did not answer within \(Bounds.connectTimeout)")
        }
      default: throw refused(handle, library, url)
      }
      state = library.connectPoll(handle)
    }
  }

  private static func refused(
    _ handle: OpaquePointer, _ library: PostgresLibrary, _ url: PostgresURL
  ) -> StepFailure {
    let text = library.errorMessage(handle).map { String(cString: $0) } ?? ""
    // Such as `… failed: FATAL:  28P01: password authentication failed for user "app"`.
    let line =
      text.split(separator: "\n").last { line in
        !["DETAIL:", "HINT:", "LOCATION:"].contains(where: line.hasPrefix)
      } ?? ""
    for part in line.split(separator: ":").map({ $0.drop(while: { $0 == " " }) })
    where part.utf8.count == 5 && part.allSatisfy({ $0.isNumber || $0.isUppercase })
      && part.first?.isNumber == true || part.hasPrefix("XX")
    {
      let words = line[part.endIndex...].drop { $0 == ":" || $0 == " " }
      if part == "42501" {
        return MissingRight(
          user: url.user, role: url.role, deed: "connect",
          remedy: "GRANT CONNECT ON DATABASE \(url.database.nameInStatements) TO"
            + " \(url.user?.nameInStatements ?? "…")"
        ).failure(on: url.place)
      }
      return PostgresError(state: String(part), message: String(words)).failure(
        place: url.place, whom: url.whom)
    }
    return unreachable(url.place, String(line))
  }

  private static func unreachable(_ place: String, _ reason: String) -> StepFailure {
    StepFailure(
      code: "DatabaseUnreachable", disposition: .retry,
      message: "\(place) can't be reached: \(reason). Check that the server runs, and the database"
        + " URL.")
  }
}

/// What the server says besides results, kept up to a bound.
private final class NoticeLog {
  private var lines: [String] = []

  /// Keeps a notice's first line.
  func add(_ result: OpaquePointer?) {
    guard let library = try? PostgresLibrary.shared(),
      let text = library.resultField(result, Int32(UInt8(ascii: "M")))
    else { return }
    if lines.count == Bounds.noticesMax { lines.removeFirst() }
    lines.append(String(String(cString: text).prefix(Bounds.evidenceQuoteMax)))
  }

  /// Everything kept, which is forgotten then.
  func take() -> [String] {
    defer { lines = [] }
    return lines
  }
}

/// An array of C strings that ends with a null pointer.
final class CTexts {
  private let texts: [UnsafeMutablePointer<CChar>?]
  /// The array, valid while the value lives.
  let pointer: UnsafeMutablePointer<UnsafePointer<CChar>?>

  /// Copies the texts; nil becomes a null pointer.
  init(_ texts: [String?]) {
    let copies = texts.map { $0.map { strdup($0) } ?? nil }
    self.texts = copies
    pointer = .allocate(capacity: copies.count + 1)
    for (index, copy) in copies.enumerated() {
      (pointer + index).initialize(to: copy.map { UnsafePointer($0) })
    }
    (pointer + copies.count).initialize(to: nil)
  }

  deinit {
    for text in texts {
      // A password may be among them.
      if let text { explicit_bzero(text, strlen(text)) }
      free(text)
    }
    pointer.deallocate()
  }
}

/// Waiting for a socket.
enum Descriptor {
  /// Waits until the socket is ready or the time is over; true when it is ready.
  static func wait(_ socket: Int32, _ events: Int16, for milliseconds: Int64) -> Bool {
    var entry = pollfd(fd: socket, events: events, revents: 0)
    return poll(&entry, 1, Int32(clamping: max(0, milliseconds))) > 0
  }
}
