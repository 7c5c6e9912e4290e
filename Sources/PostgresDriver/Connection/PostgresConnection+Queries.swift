import CPostgres
import Glibc
package import WindlassCore
import WindlassSchema

extension PostgresConnection {
  /// Reads at most `limit` rows; one row more is an error, never a silent cut.
  package func rows(
    _ text: String, _ parameters: [SQLValue] = [], limit: Int = Bounds.rowsMax
  ) throws(StepFailure) -> [SQLRow] {
    var rows: [SQLRow] = []
    var columns: [String]?
    try query(text, parameters) { result throws(StepFailure) in
      let count = result.columnCount
      let names = columns ?? result.columns
      columns = names
      for row in 0..<result.rowCount {
        guard rows.count < limit else {
          giveUp()
          throw tooManyRows(limit)
        }
        rows.append(
          SQLRow(columns: names, values: (0..<count).map { result.value(row, $0) }))
      }
    }
    return rows
  }

  /// The failure of a query with more rows than are allowed.
  func tooManyRows(_ limit: Int) -> StepFailure {
    StepFailure(
      code: "TooManyRows", disposition: .stop,
      message: "A query on \(place) returned more than \(limit) rows.")
  }

  /// The first row's first value; null when there is none.
  package func scalar(
    _ text: String, _ parameters: [SQLValue] = []
  ) throws(StepFailure) -> SQLValue {
    try rows(text, parameters, limit: 2).first?.values.first ?? .null
  }

  /// Runs one statement, and returns how many rows it changed.
  @discardableResult
  package func execute(
    _ text: String, _ parameters: [SQLValue] = []
  ) throws(StepFailure) -> Int64 {
    var changed: Int64 = 0
    try query(text, parameters) { result throws(StepFailure) in changed += result.rowsChanged }
    return changed
  }

  /// Runs a whole text of statements as one message: outside a transaction all or nothing, unless
  /// the text says otherwise.
  ///
  /// - Returns: the rows changed by all of them.
  @discardableResult
  package func run(script text: String) throws(StepFailure) -> Int64 {
    guard !text.utf8.contains(0) else { throw zeroByte() }
    var changed: Int64 = 0
    try exchange(
      text, send: { library.sendQuery(handle, text) },
      read: { result throws(StepFailure) in changed += result.rowsChanged })
    return changed
  }

  /// Runs `COPY … TO STDOUT`, and hands over the bytes piece by piece as the server sends them.
  package func copyOut(
    _ text: String, to sink: (UnsafeRawBufferPointer) throws(StepFailure) -> Void
  ) throws(StepFailure) {
    guard library.sendQuery(handle, text) == 1 else { throw lost() }
    var limit = StatementLimit(deadline: deadline, patience: patience)
    var failure: StepFailure?
    while let result = try nextResult(&limit) {
      switch result.status {
      case PGRES_COPY_OUT:
        do throws(StepFailure) {
          try copyData(to: sink, &limit)
        } catch {
          failure = failure ?? error
          // What is still on the way is read and dropped.
          giveUp()
          try copyData(to: { _ in }, &limit)
        }
      case PGRES_FATAL_ERROR:
        failure = failure ?? result.error(in: text).failure(place: place, whom: whom)
      default: break
      }
    }
    if let failure { throw failure }
  }

  private func copyData(
    to sink: (UnsafeRawBufferPointer) throws(StepFailure) -> Void, _ limit: inout StatementLimit
  ) throws(StepFailure) {
    while true {
      var buffer: UnsafeMutablePointer<CChar>?
      let count = library.getCopyData(handle, &buffer, 1)
      defer { library.freeMemory(buffer) }
      if count == 0 {
        try wait(Int16(POLLIN), &limit)
        guard library.consumeInput(handle) == 1 else { throw lost() }
      } else if count > 0, let buffer {
        try sink(UnsafeRawBufferPointer(start: buffer, count: Int(count)))
      } else {
        return
      }
    }
  }

  private func query(
    _ text: String, _ parameters: [SQLValue],
    read: (borrowing PostgresResult) throws(StepFailure) -> Void
  ) throws(StepFailure) {
    guard !text.utf8.contains(0), !parameters.contains(where: \.hasZeroByte) else {
      throw zeroByte()
    }
    let values = CTexts(parameters.map(\.wireText))
    // Every value goes as text of a type that the server infers, but bytes as what they are.
    let types: [Oid] = parameters.map { if case .blob = $0 { 17 } else { 0 } }
    try exchange(
      text,
      send: {
        withExtendedLifetime(values) {
          let sent = library.sendQueryParams(
            handle, text, Int32(parameters.count), types, values.pointer, nil, nil, 0)
          if sent == 1 { _ = library.setSingleRowMode(handle) }
          return sent
        }
      }, read: read)
  }

  private func zeroByte() -> StepFailure {
    StepFailure(
      code: "StatementFailed", disposition: .stop,
      message: "A statement for \(place) holds a zero byte, which PostgreSQL's text can't.")
  }
}

extension SQLValue {
  /// The value as the server reads it; nil for null.
  var wireText: String? {
    switch self {
    case .null: nil
    case .integer(let number): String(number)
    case .real(let number): String(number)
    case .text(let text): text
    case .blob(let bytes):
      "\\x"
        + bytes.map { byte in
          let digits = Array("0123456789abcdef")
          return "\(digits[Int(byte >> 4)])\(digits[Int(byte & 15)])"
        }.joined()
    }
  }

  fileprivate var hasZeroByte: Bool {
    if case .text(let text) = self { text.utf8.contains(0) } else { false }
  }
}
