import CSQLite
import WindlassCore
import WindlassSchema

/// One compiled statement of one connection; the only owner of its handle.
final class PreparedStatement {
  let handle: OpaquePointer
  private let connection: SQLiteConnection

  /// Takes over a handle that `sqlite3_prepare_v2` gave.
  init(owning handle: OpaquePointer, of connection: SQLiteConnection) {
    self.handle = handle
    self.connection = connection
  }

  /// Compiles the first statement of the text; an empty text is an error.
  convenience init(_ text: String, on connection: SQLiteConnection) throws(StepFailure) {
    var handle: OpaquePointer?
    let code = sqlite3_prepare_v2(connection.handle, text, -1, &handle, nil)
    guard code == SQLITE_OK, let handle else { throw connection.failure(code) }
    self.init(owning: handle, of: connection)
  }

  deinit {
    // "If the most recent evaluation of the statement encountered an error then sqlite3_finalize
    // returns the error code": it was reported by `step` already.
    sqlite3_finalize(handle)
  }

  /// Binds the values to the parameters 1, 2, and so on.
  func bind(_ values: [SQLValue]) throws(StepFailure) {
    for (offset, value) in values.enumerated() {
      let index = Int32(offset + 1)
      let code =
        switch value {
        case .null: sqlite3_bind_null(handle, index)
        case .integer(let number): sqlite3_bind_int64(handle, index, number)
        case .real(let number): sqlite3_bind_double(handle, index, number)
        case .text(let text):
          sqlite3_bind_text(handle, index, text, Int32(text.utf8.count), csqlite_transient())
        case .blob(let bytes): bindBlob(bytes, at: index)
        }
      guard code == SQLITE_OK else { throw connection.failure(code) }
    }
  }

  private func bindBlob(_ bytes: [UInt8], at index: Int32) -> Int32 {
    // A null pointer would bind NULL, and an empty array may have no address.
    guard !bytes.isEmpty else { return sqlite3_bind_zeroblob(handle, index, 0) }
    return sqlite3_bind_blob(handle, index, bytes, Int32(bytes.count), csqlite_transient())
  }

  /// Goes to the next row; false when there is none.
  func step() throws(StepFailure) -> Bool {
    let code = sqlite3_step(handle)
    switch code {
    case SQLITE_ROW: return true
    case SQLITE_DONE: return false
    default: throw connection.failure(code)
    }
  }

  /// Goes back to the beginning, for other values to be bound.
  func reset() {
    // What it returns is the failure of the last step, which was reported there.
    sqlite3_reset(handle)
  }

  /// The names of the result's columns.
  var columns: [String] {
    (0..<sqlite3_column_count(handle)).map { index in
      sqlite3_column_name(handle, index).map { String(cString: $0) } ?? ""
    }
  }

  /// The current row's value in a column, counted from 0.
  func value(at index: Int32) -> SQLValue {
    switch sqlite3_column_type(handle, index) {
    case SQLITE_INTEGER: .integer(sqlite3_column_int64(handle, index))
    case SQLITE_FLOAT: .real(sqlite3_column_double(handle, index))
    case SQLITE_TEXT: .text(String(decoding: bytes(at: index), as: UTF8.self))
    case SQLITE_BLOB: .blob(Array(bytes(at: index)))
    default: .null
    }
  }

  /// The bytes of the current row's text or blob; valid until the next step.
  func bytes(at index: Int32) -> UnsafeRawBufferPointer {
    // "The safest policy is to invoke sqlite3_column_blob() followed by sqlite3_column_bytes()."
    let start = sqlite3_column_blob(handle, index)
    return UnsafeRawBufferPointer(
      start: start, count: Int(sqlite3_column_bytes(handle, index)))
  }
}
