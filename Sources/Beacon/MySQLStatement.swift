import CMariaDB

/// One prepared statement of a MariaDB or MySQL server.
final class MySQLStatement {
  private let handle: UnsafeMutablePointer<MYSQL_STMT>
  /// Whether each column holds numbers.
  private var areNumbers: [Bool] = []

  /// Prepares the statement.
  init(
    _ text: String, on connection: UnsafeMutablePointer<MYSQL>?
  ) throws(MySQLFailure) {
    guard let connection, let made = mysql_stmt_init(connection) else { throw .lost }
    handle = made
    guard mysql_stmt_prepare(made, text, UInt(text.utf8.count)) == 0 else { throw failure }
    guard let columns = mysql_stmt_result_metadata(made) else { return }
    defer { mysql_free_result(columns) }
    let numbers = [
      MYSQL_TYPE_TINY, MYSQL_TYPE_SHORT, MYSQL_TYPE_INT24, MYSQL_TYPE_LONG, MYSQL_TYPE_LONGLONG,
    ]
    areNumbers = (0..<mysql_num_fields(columns)).map {
      numbers.contains(mysql_fetch_field_direct(columns, $0).pointee.type)
    }
  }

  deinit { mysql_stmt_close(handle) }

  /// Runs the statement and returns its rows, at most `limit`.
  func rows(
    _ parameters: [DatabaseValue], limit: Int
  ) throws(MySQLFailure) -> [[DatabaseValue]] {
    try run(parameters)
    guard !areNumbers.isEmpty else { return [] }
    defer { mysql_stmt_free_result(handle) }
    // All rows come at once, so that the connection is free for the next statement.
    guard mysql_stmt_store_result(handle) == 0 else { throw failure }
    guard mysql_stmt_num_rows(handle) <= UInt64(limit) else {
      throw MySQLFailure(code: 0, message: "more than \(limit) rows")
    }
    var rows: [[DatabaseValue]] = []
    while true {
      switch mysql_stmt_fetch(handle) {
      // No buffers are bound, so that every value counts as cut; it is fetched by itself below.
      case 0, MYSQL_DATA_TRUNCATED: rows.append(try row())
      case MYSQL_NO_DATA: return rows
      default: throw failure
      }
    }
  }

  private func run(_ parameters: [DatabaseValue]) throws(MySQLFailure) {
    let buffers = parameters.map { ParameterBuffer($0) }
    var bindings = buffers.map(\.binding)
    let isDone = withExtendedLifetime(buffers) {
      (bindings.isEmpty || mysql_stmt_bind_param(handle, &bindings) == 0)
        && mysql_stmt_execute(handle) == 0
    }
    guard isDone else { throw failure }
  }

  private func row() throws(MySQLFailure) -> [DatabaseValue] {
    var row: [DatabaseValue] = []
    for (column, isNumber) in areNumbers.enumerated() {
      row.append(
        try isNumber ? number(UInt32(column)) : text(UInt32(column)))
    }
    return row
  }

  private func number(_ column: UInt32) throws(MySQLFailure) -> DatabaseValue {
    var value: Int64 = 0
    var isNull: my_bool = 0
    var code: Int32 = 0
    withUnsafeMutablePointer(to: &isNull) { isNull in
      withUnsafeMutableBytes(of: &value) { bytes in
        var binding = MYSQL_BIND()
        binding.buffer_type = MYSQL_TYPE_LONGLONG
        binding.buffer = bytes.baseAddress
        binding.is_null = isNull
        code = mysql_stmt_fetch_column(handle, &binding, column, 0)
      }
    }
    guard code == 0 else { throw failure }
    return isNull != 0 ? .null : .integer(value)
  }

  private func text(_ column: UInt32) throws(MySQLFailure) -> DatabaseValue {
    var isNull: my_bool = 0
    // The first fetch tells the length, the second one brings the bytes.
    var bytes: [UInt8] = []
    for _ in 0..<2 {
      var length: UInt = 0
      var code: Int32 = 0
      withUnsafeMutablePointer(to: &isNull) { isNull in
        withUnsafeMutablePointer(to: &length) { length in
          bytes.withUnsafeMutableBytes { buffer in
            var binding = MYSQL_BIND()
            binding.buffer_type = MYSQL_TYPE_STRING
            binding.buffer = buffer.baseAddress
            binding.buffer_length = UInt(buffer.count)
            binding.length = length
            binding.is_null = isNull
            code = mysql_stmt_fetch_column(handle, &binding, column, 0)
          }
        }
      }
      guard code == 0 else { throw failure }
      if isNull != 0 { return .null }
      if bytes.count == Int(length) { break }
      bytes = Array(repeating: 0, count: Int(length))
    }
    return .text(String(decoding: bytes, as: UTF8.self))
  }

  private var failure: MySQLFailure {
    MySQLFailure(mysql_stmt_errno(handle), mysql_stmt_error(handle))
  }
}

/// One parameter's value in memory that stays where it is while the statement runs.
private final class ParameterBuffer {
  let binding: MYSQL_BIND
  private let bytes: UnsafeMutableRawBufferPointer

  init(_ value: DatabaseValue) {
    var binding = MYSQL_BIND()
    switch value {
    case .null:
      bytes = .allocate(byteCount: 0, alignment: 8)
      binding.buffer_type = MYSQL_TYPE_NULL
    case .integer(let number):
      bytes = .allocate(byteCount: 8, alignment: 8)
      bytes.storeBytes(of: number, as: Int64.self)
      binding.buffer_type = MYSQL_TYPE_LONGLONG
    case .text(let text):
      bytes = .allocate(byteCount: text.utf8.count, alignment: 8)
      bytes.copyBytes(from: text.utf8)
      binding.buffer_type = MYSQL_TYPE_STRING
      // Without a pointer to a length, the buffer's is taken.
      binding.buffer_length = UInt(bytes.count)
    }
    binding.buffer = bytes.baseAddress
    self.binding = binding
  }

  deinit { bytes.deallocate() }
}
