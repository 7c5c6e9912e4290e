import CMariaDB
import Glibc
import WindlassCore
import WindlassSchema

/// What a statement gave back.
struct MySQLOutcome: Hashable, Sendable {
  var rows: [SQLRow] = []
  var affected: Int64 = 0
}

/// How far a request of several statements came.
struct MySQLAdvance {
  /// What each statement gave back that was carried out.
  var outcomes: [MySQLOutcome] = []
  /// Why the one behind them was not; nil when there is none.
  var failure: StepFailure?
}

/// One connection, used by one thread at a time; closed with the value.
///
/// Queries go through the library's non-blocking calls, so that this thread itself keeps the
/// deadline: a statement that is overdue is ended by `KILL QUERY` from a second connection.
final class MySQLConnection {
  let library: ClientLibrary
  let handle: ClientLibrary.Handle
  let address: MySQLAddress
  /// Tells whose connection it is in the server's own lists, such as `windlass/run-7/expand`.
  let application: String
  /// The connection's number on the server.
  let id: UInt64
  let server: MySQLServer
  /// Whether an answer is missing: nothing more can be done on the connection.
  private(set) var isLost = false
  /// The number of the last error, of the server's or the library's.
  var errorNumber: UInt32 = 0
  /// What was said of it, in the server's own words.
  private(set) var errorText = ""
  /// How many statements of the last request of several were answered, the one that failed not
  /// counted.
  private(set) var answered = 0
  /// Windlass's tables and the ledger, once all of them are known to be there.
  var knownTables: Set<String>?
  /// Tables of this database whose changes can't be rolled back, once they were looked up.
  var tablesWithoutTransactions: Set<String>?
  /// Whether the server tells this user who holds locks on tables; true until it did not.
  var tellsLocks = true
  /// Whether the server tells this user which transactions are open; true until it did not.
  var tellsTransactions = true
  /// What the last request told of the table that the next statement changes.
  var foresight: MySQLForesight?
  /// How many requests were sent.
  private(set) var requestCount = 0
  /// How long the server itself lets a statement run; zero without a limit.
  private(set) var statementLimit = Interval.zero
  /// Whether the server takes several statements in one request.
  private var takesSeveral = true

  /// Connects; nothing is set yet.
  init(_ address: MySQLAddress, application: String) throws(StepFailure) {
    let library = try ClientLibrary.load()
    guard let handle = library.initialise(nil) else {
      throw StepFailure(
        code: "OutOfMemory", disposition: .retry,
        message: "No memory was left for a connection to \(address.name).")
    }
    Self.configure(handle, library, address, application)
    var (host, socket, port): (String?, String?, UInt32)
    switch address.place {
    case .host(let name, let number): (host, socket, port) = (name, nil, number)
    // The library takes "localhost" for a socket, and only that.
    case .socket(let path): (host, socket, port) = ("localhost", path, 0)
    }
    // The library would go to a socket of its own choice.
    if host == "localhost", socket == nil { host = "127.0.0.1" }
    guard
      library.connect(
        handle, host, address.user, address.password.reveal(), address.database, port, socket,
        UInt(CLIENT_MULTI_STATEMENTS)) != nil
    else {
      let failure = MySQLConnection.failure(handle, library, address)
      library.close(handle)
      throw failure
    }
    self.library = library
    self.handle = handle
    self.address = address
    self.application = application
    id = UInt64(library.connectionID(handle))
    server = MySQLServer(library.serverVersion(handle).map { String(cString: $0) } ?? "")
  }

  deinit {
    // A lost connection is cut first, so that closing it waits for nothing.
    if isLost { shutdown(library.socket(handle), Int32(SHUT_RDWR)) }
    library.close(handle)
  }

  private static func configure(
    _ handle: ClientLibrary.Handle, _ library: ClientLibrary, _ address: MySQLAddress,
    _ application: String
  ) {
    let set = { (option: mysql_option, value: UnsafeRawPointer?) in
      _ = library.option(handle, option, value)
    }
    set(MYSQL_OPT_NONBLOCK, nil)
    var seconds = UInt32(Bounds.connectTimeout.milliseconds / 1_000)
    set(MYSQL_OPT_CONNECT_TIMEOUT, &seconds)
    set(MYSQL_SET_CHARSET_NAME, "utf8mb4")
    var (no, yes): (my_bool, my_bool) = (0, 1)
    set(MYSQL_OPT_RECONNECT, &no)
    var loads: UInt32 = 0
    set(MYSQL_OPT_LOCAL_INFILE, &loads)
    if address.protection != .none { set(MYSQL_OPT_SSL_ENFORCE, &yes) }
    if address.protection == .verified {
      set(MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes)
    } else {
      set(MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &no)
    }
    if let file = address.authorities { set(MYSQL_OPT_SSL_CA, file) }
    if let file = address.certificate { set(MYSQL_OPT_SSL_CERT, file) }
    if let file = address.key { set(MYSQL_OPT_SSL_KEY, file) }
    _ = library.option4(handle, MYSQL_OPT_CONNECT_ATTR_ADD, "program_name", application)
  }

  // MARK: Statements

  /// Runs one statement and takes its rows.
  ///
  /// - Parameters:
  ///   - limit: how long it may take; it is ended by then.
  ///   - watch: looks at the statement while it runs.
  /// - Throws: `ConnectionLost` when the answer did not come, so that nobody knows whether it ran.
  @discardableResult
  func run(
    _ text: String, within limit: Interval = Bounds.queryDeadline, rows: Int = Bounds.rowsMax,
    watch: StatementWatch? = nil
  ) throws(StepFailure) -> MySQLOutcome {
    guard !isLost else { throw lost("an earlier statement had no answer") }
    let watch = watch ?? StatementWatch(limit: limit)
    watch.begin()
    try send(text, watch)
    let outcome = try takeOutcome(watch, limit: rows)
    // A CALL has a result more than the procedure selects.
    while try goToNextResult(watch) { dropRows() }
    return outcome
  }

  /// Runs statements of Windlass's own that are sent in one request, and takes the outcome of each;
  /// the server goes no further than the first that fails. None of them is a CALL.
  ///
  /// Nothing that comes from outside may be part of a text; parameters may.
  func run(
    together statements: [SQLStatement], within limit: Interval = Bounds.queryDeadline,
    rows: Int = Bounds.rowsMax
  ) throws(StepFailure) -> [MySQLOutcome] {
    guard !statements.isEmpty else { return [] }
    var text = ""
    for statement in statements {
      if !text.isEmpty { text += ";\n" }
      text += try MySQLText.rendered(statement, database: address.name)
    }
    let advance = try advance(through: text, within: limit, rows: rows)
    let outcomes = advance.outcomes
    if let failure = advance.failure { throw failure }
    guard outcomes.count == statements.count else {
      giveUp()
      throw lost("it answered \(outcomes.count) of \(statements.count) statements")
    }
    return outcomes
  }

  /// Sends statements in one request, and takes their outcomes as far as the server goes.
  ///
  /// - Parameter watched: the place of a statement that is not Windlass's own, and who looks at it
  ///   from the moment on at which the one before has ended.
  func advance(
    through text: String, within limit: Interval = Bounds.queryDeadline,
    rows: Int = Bounds.rowsMax, watching watched: (place: Int, watch: StatementWatch)? = nil
  ) throws(StepFailure) -> MySQLAdvance {
    try takeSeveral(true)
    var watch = StatementWatch(limit: limit)
    watch.begin()
    answered = 0
    var advance = MySQLAdvance()
    do throws(StepFailure) {
      try sendRequest(text, watch)
      repeat {
        advance.outcomes.append(try takeOutcome(watch, limit: rows))
        answered = advance.outcomes.count
        if let watched, answered >= watched.place {
          watch = answered == watched.place ? watched.watch : StatementWatch(limit: limit)
          watch.begin()
        }
      } while try goToNextResult(watch)
    } catch {
      // Results that nobody takes would be those of the next statement.
      if library.hasMoreResults(handle) != 0 { giveUp() }
      advance.failure = error
    }
    return advance
  }

  /// Runs one statement with parameters.
  @discardableResult
  func run(
    _ statement: SQLStatement, within limit: Interval = Bounds.queryDeadline,
    rows: Int = Bounds.rowsMax
  ) throws(StepFailure) -> MySQLOutcome {
    try run(
      MySQLText.rendered(statement, database: address.name), within: limit, rows: rows)
  }

  /// The rows of a query.
  func rows(_ text: String, _ parameters: [SQLValue] = []) throws(StepFailure) -> [SQLRow] {
    try run(SQLStatement(text, parameters)).rows
  }

  /// The first value of the first row; null without a row.
  func scalar(_ text: String, _ parameters: [SQLValue] = []) throws(StepFailure) -> SQLValue {
    try rows(text, parameters).first?.values.first ?? .null
  }

  /// Sends a statement and waits for the beginning of its answer.
  ///
  /// A text that could hide a second statement is sent only once the server takes no more than one.
  func send(_ text: String, _ watch: StatementWatch) throws(StepFailure) {
    if text.utf8.contains(UInt8(ascii: ";")) { try takeSeveral(false) }
    try sendRequest(text, watch)
  }

  /// Tells the server whether a request may hold several statements.
  private func takeSeveral(_ isAllowed: Bool) throws(StepFailure) {
    guard !isLost else { throw lost("an earlier statement had no answer") }
    guard takesSeveral != isAllowed else { return }
    let watch = StatementWatch(limit: Bounds.queryDeadline)
    let option = isAllowed ? MYSQL_OPTION_MULTI_STATEMENTS_ON : MYSQL_OPTION_MULTI_STATEMENTS_OFF
    var code: Int32 = 0
    var status = library.serverOptionStart(&code, handle, option)
    while status != 0 {
      status = library.serverOptionContinue(&code, handle, try wait(status, watch))
    }
    guard code == 0 else { throw failed() }
    takesSeveral = isAllowed
  }

  private func sendRequest(_ text: String, _ watch: StatementWatch) throws(StepFailure) {
    requestCount += 1
    var code: Int32 = 0
    // The library keeps the pointer until the query is sent.
    let length = text.utf8.count
    let buffer = UnsafeMutableBufferPointer<CChar>.allocate(capacity: length + 1)
    defer { buffer.deallocate() }
    _ = buffer.initialize(from: text.utf8.lazy.map { CChar(bitPattern: $0) })
    buffer[length] = 0
    var status = library.queryStart(&code, handle, buffer.baseAddress, UInt(length))
    while status != 0 { status = library.queryContinue(&code, handle, try wait(status, watch)) }
    guard code == 0 else { throw failed() }
  }

  /// Waits until the socket is ready for what the library waits for.
  private func wait(_ status: Int32, _ watch: StatementWatch) throws(StepFailure) -> Int32 {
    let socket = library.socket(handle)
    while true {
      var entry = pollfd(fd: socket, events: 0, revents: 0)
      if status & Int32(MYSQL_WAIT_READ) != 0 { entry.events |= Int16(POLLIN) }
      if status & Int32(MYSQL_WAIT_WRITE) != 0 { entry.events |= Int16(POLLOUT) }
      if status & Int32(MYSQL_WAIT_EXCEPT) != 0 { entry.events |= Int16(POLLPRI) }
      let ready = poll(&entry, 1, watch.pause)
      if ready > 0 {
        var result: Int32 = 0
        let events = Int32(entry.revents)
        if events & Int32(POLLIN | POLLERR | POLLHUP) != 0 { result |= Int32(MYSQL_WAIT_READ) }
        if events & Int32(POLLOUT) != 0 { result |= Int32(MYSQL_WAIT_WRITE) }
        if events & Int32(POLLPRI) != 0 { result |= Int32(MYSQL_WAIT_EXCEPT) }
        return result & status == 0 ? status : result & status
      }
      guard watch.look(at: self) else {
        isLost = true
        throw lost("the server did not answer in time, and not to the interruption either")
      }
    }
  }

  /// Takes the result that has begun to arrive.
  private func takeOutcome(
    _ watch: StatementWatch, limit: Int
  ) throws(StepFailure) -> MySQLOutcome {
    guard library.fieldCount(handle) > 0 else {
      return MySQLOutcome(affected: Int64(clamping: library.affectedRows(handle)))
    }
    var result: ClientLibrary.ResultSet?
    var status = library.storeStart(&result, handle)
    while status != 0 { status = library.storeContinue(&result, handle, try wait(status, watch)) }
    guard let result else { throw failed() }
    defer { library.freeResult(result) }
    return MySQLOutcome(rows: try read(result, limit: limit))
  }

  /// Waits for the beginning of the next result; false when there is none.
  private func goToNextResult(_ watch: StatementWatch) throws(StepFailure) -> Bool {
    guard library.hasMoreResults(handle) != 0 else { return false }
    var code: Int32 = 0
    var status = library.nextStart(&code, handle)
    while status != 0 { status = library.nextContinue(&code, handle, try wait(status, watch)) }
    guard code <= 0 else { throw failed() }
    return code == 0
  }

  private func dropRows() {
    guard library.fieldCount(handle) > 0, let result = library.useResult(handle) else { return }
    while library.fetchRow(result) != nil {}
    library.freeResult(result)
  }

  private func read(
    _ result: ClientLibrary.ResultSet, limit: Int
  ) throws(StepFailure) -> [SQLRow] {
    let decoder = RowDecoder(result, library)
    var rows: [SQLRow] = []
    while let row = decoder.next() {
      guard rows.count < limit else {
        throw StepFailure(
          code: "TooManyRows", disposition: .stop,
          message: "A query on \(address.name) gave more than \(limit) rows.")
      }
      rows.append(SQLRow(columns: decoder.names, values: row))
    }
    return rows
  }

  /// Lets the server itself end a statement after that time, for the case that this process ends
  /// first; zero for no limit. MySQL has no such limit for what is no query.
  func limitStatements(to limit: Interval) throws(StepFailure) {
    guard server.isMariaDB, limit != statementLimit else { return }
    let seconds = Double(limit.milliseconds) / 1_000
    try run("SET SESSION max_statement_time = \(seconds)")
    statementLimit = limit
  }

  /// Says that the connection is of no use any more, as when rows are left in it unread.
  func giveUp() { isLost = true }

  // MARK: Failures

  /// The failure of the last call.
  func failed() -> StepFailure {
    errorNumber = library.errorNumber(handle)
    errorText = library.errorText(handle).map { String(cString: $0) } ?? ""
    let failure = Self.failure(handle, library, address)
    if failure.code == "ConnectionLost" { isLost = true }
    return failure
  }

  /// The failure of a server that answered fewer statements than it was sent; nothing more can be
  /// done on the connection.
  func silent() -> StepFailure {
    giveUp()
    return lost("it answered \(answered) statements of a request and no more")
  }

  private func lost(_ reason: String) -> StepFailure {
    StepFailure(
      code: "ConnectionLost", disposition: .retry,
      message: "The connection to \(address.name) was lost: \(reason).")
  }

  private static func failure(
    _ handle: ClientLibrary.Handle, _ library: ClientLibrary, _ address: MySQLAddress
  ) -> StepFailure {
    let text = { (pointer: UnsafePointer<CChar>?) in pointer.map { String(cString: $0) } ?? "" }
    return MySQLFailure.failure(
      library.errorNumber(handle), state: text(library.stateText(handle)),
      text(library.errorText(handle)), address)
  }
}
