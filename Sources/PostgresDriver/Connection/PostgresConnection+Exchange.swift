import CPostgres
import Glibc
import WindlassCore
import WindlassSchema

/// One result of the server, cleared when it goes.
struct PostgresResult: ~Copyable {
  let library: PostgresLibrary
  let handle: OpaquePointer

  deinit { library.clear(handle) }

  var status: ExecStatusType { library.resultStatus(handle) }
  var rowCount: Int32 { library.rowCount(handle) }
  var columnCount: Int32 { library.columnCount(handle) }

  /// How many rows an INSERT, UPDATE, DELETE or SELECT touched.
  var rowsChanged: Int64 {
    library.rowsChanged(handle).flatMap { Int64(String(cString: $0)) } ?? 0
  }

  /// The columns' names.
  var columns: [String] {
    (0..<columnCount).map { index in
      library.columnName(handle, index).map { String(cString: $0) } ?? ""
    }
  }

  /// The number of parameters of the statement that the result describes.
  var parameterCount: Int { Int(library.parameterCount(handle)) }

  /// The columns' types by their numbers, with what narrows each.
  var columnTypes: [(type: Oid, modifier: Int32)] {
    (0..<columnCount).map { (library.columnType(handle, $0), library.columnModifier(handle, $0)) }
  }

  /// The error that the result is.
  ///
  /// - Parameter text: the statements, for the line of the trouble.
  func error(in text: String) -> PostgresError {
    let message = field("M") ?? "no reason is given"
    let place = field("P").flatMap { Int($0) }
    return PostgresError(
      state: field("C"), message: message,
      line: place.map { position in
        1 + text.unicodeScalars.prefix(max(0, position - 1)).count { $0 == "\n" }
      })
  }

  private func field(_ name: UnicodeScalar) -> String? {
    library.resultField(handle, Int32(name.value)).map { String(cString: $0) }
  }

  /// The value of a cell.
  func value(_ row: Int32, _ column: Int32) -> SQLValue {
    guard library.isNull(handle, row, column) == 0,
      let start = library.value(handle, row, column)
    else { return .null }
    let bytes = UnsafeRawBufferPointer(
      start: start, count: Int(library.length(handle, row, column)))
    return .init(bytes, type: library.columnType(handle, column))
  }
}

extension SQLValue {
  /// Reads the server's text of a value by the number of its type; a type without a counterpart
  /// stays text, and so does `numeric`, which no `Double` holds exactly.
  fileprivate init(_ bytes: UnsafeRawBufferPointer, type: Oid) {
    let text = String(decoding: bytes, as: UTF8.self)
    switch type {
    case 16: self = .integer(text == "t" ? 1 : 0)
    case 20, 21, 23, 26: self = Int64(text).map { .integer($0) } ?? .text(text)
    case 700, 701: self = Double(text).map { .real($0) } ?? .text(text)
    case 17: self = .blob(Self.bytes(ofHexadecimal: bytes))
    default: self = .text(text)
    }
  }

  /// Reads `\x01ff`.
  private static func bytes(ofHexadecimal text: UnsafeRawBufferPointer) -> [UInt8] {
    func digit(_ byte: UInt8) -> UInt8 { byte <= 0x39 ? byte &- 0x30 : (byte | 0x20) &- 0x57 }
    return stride(from: 2, to: text.count - 1, by: 2).map { index in
      digit(text[index]) << 4 | digit(text[index + 1])
    }
  }
}

extension PostgresConnection {
  /// Sends something, and hands over each result until there are no more.
  ///
  /// - Parameters:
  ///   - text: the statements, for the line of an error.
  ///   - send: puts them to the library; returns 0 when it can't.
  ///   - read: takes each result that is no error.
  /// - Throws: the first error, after all results are read, so that the session stays usable.
  func exchange(
    _ text: String, send: () -> Int32,
    read: (borrowing PostgresResult) throws(StepFailure) -> Void
  ) throws(StepFailure) {
    guard send() == 1 else { throw lost() }
    var limit = StatementLimit(deadline: deadline, patience: patience)
    var failure: StepFailure?
    try flush(&limit)
    while let result = try nextResult(&limit) {
      switch result.status {
      case PGRES_FATAL_ERROR, PGRES_BAD_RESPONSE, PGRES_NONFATAL_ERROR:
        guard failure == nil else { continue }
        let error = result.error(in: text)
        lastError = error
        failure = error.failure(place: place, whom: whom)
      case PGRES_COPY_IN, PGRES_COPY_BOTH:
        // The session waits for data that will not come, and is dropped.
        throw StepFailure(
          code: "StatementRefused", disposition: .stop,
          message: "A statement for \(place) reads rows from the client (`COPY … FROM STDIN`),"
            + " which a migration can't. Write INSERT statements.")
      default:
        guard failure == nil else { continue }
        do throws(StepFailure) { try read(result) } catch { failure = error }
      }
    }
    if let failure { throw isAlive ? failure : lost(failure) }
  }

  func flush(_ limit: inout StatementLimit) throws(StepFailure) {
    while true {
      let rest = library.flush(handle)
      if rest == 0 { return }
      guard rest > 0 else { throw lost() }
      try wait(Int16(POLLIN | POLLOUT), &limit)
      guard library.consumeInput(handle) == 1 else { throw lost() }
    }
  }

  /// The next result; nil at the end of all.
  func nextResult(_ limit: inout StatementLimit) throws(StepFailure) -> PostgresResult? {
    while library.isBusy(handle) == 1 {
      try wait(Int16(POLLIN), &limit)
      guard library.consumeInput(handle) == 1 else { throw lost() }
    }
    return library.getResult(handle).map { PostgresResult(library: library, handle: $0) }
  }

  /// Waits for the server, and tells it to give up when nobody waits for the result any more.
  func wait(_ events: Int16, _ limit: inout StatementLimit) throws(StepFailure) {
    let socket = library.socket(handle)
    guard socket >= 0 else { throw lost() }
    if Descriptor.wait(socket, events, for: Bounds.cancellationPoll.milliseconds) { return }
    guard limit.isOver else { return }
    guard limit.mayStillAnswer else {
      throw StepFailure(
        code: "ConnectionLost", disposition: .retry,
        message: "\(place) did not end a statement that it was told to give up. Check the server"
          + " and the network.")
    }
    giveUp()
  }

  /// Tells the server to give up the statement under way, through a connection of its own.
  func giveUp() {
    guard let request = library.getCancel(handle) else { return }
    defer { library.freeCancel(request) }
    var message = [CChar](repeating: 0, count: 256)
    // A request that fails changes nothing: the statement runs into its own limit.
    _ = library.cancel(request, &message, Int32(message.count))
  }

  /// The failure of a connection that is gone.
  func lost(_ failure: StepFailure? = nil) -> StepFailure {
    if let failure, failure.disposition == .retry { return failure }
    let text = library.errorMessage(handle).map { String(cString: $0) } ?? ""
    let line = text.split(separator: "\n").first.map(String.init) ?? "it was closed"
    return PostgresError(message: failure?.message ?? line).failure(place: place, whom: whom)
  }
}

/// When a statement is to be given up: at a deadline, after too long a silence, or because the task
/// that waits was cancelled.
struct StatementLimit {
  private let instant: ContinuousClock.Instant?
  private var gaveUpAt: ContinuousClock.Instant?

  /// - Parameters:
  ///   - deadline: the transaction's; nil without one.
  ///   - patience: how long one statement may take; zero for no limit.
  init(deadline: ContinuousClock.Instant?, patience: Interval) {
    let own =
      patience > .zero
      ? ContinuousClock.now
        + .milliseconds(patience.milliseconds + Bounds.statementGrace.milliseconds) : nil
    instant = [deadline, own].compactMap { $0 }.min()
  }

  /// Whether nobody waits for the statement any more.
  var isOver: Bool { Task.isCancelled || instant.map { ContinuousClock.now > $0 } ?? false }

  /// Whether the server still has time to say that it gave up; the first call begins that time.
  var mayStillAnswer: Bool {
    mutating get {
      let now = ContinuousClock.now
      guard let gaveUpAt else {
        gaveUpAt = now
        return true
      }
      return now < gaveUpAt + .milliseconds(Bounds.statementGrace.milliseconds)
    }
  }
}
