import CMariaDB
import WindlassCore

/// Reads the rows of one result.
struct RowDecoder {
  private let result: ClientLibrary.ResultSet
  private let library: ClientLibrary
  private let kinds: [Kind]
  /// The columns' names.
  let names: [String]

  private enum Kind {
    case integer, real, text, blob
  }

  /// Makes a decoder; the result outlives it.
  init(_ result: ClientLibrary.ResultSet, _ library: ClientLibrary) {
    self.result = result
    self.library = library
    var (names, kinds): ([String], [Kind]) = ([], [])
    for index in 0..<library.columnCount(result) {
      guard let column = library.column(result, index)?.pointee else { continue }
      names.append(column.name.map { String(cString: $0) } ?? "")
      kinds.append(Self.kind(of: column))
    }
    (self.names, self.kinds) = (names, kinds)
  }

  /// The next row's values; nil behind the last one.
  func next() -> [SQLValue]? {
    guard let row = library.fetchRow(result), let lengths = library.fetchLengths(result) else {
      return nil
    }
    var values: [SQLValue] = []
    values.reserveCapacity(kinds.count)
    for index in kinds.indices {
      guard let field = row[index] else {
        values.append(.null)
        continue
      }
      values.append(
        Self.value(
          kinds[index], UnsafeRawBufferPointer(start: field, count: Int(lengths[index]))))
    }
    return values
  }

  /// Hands the next row's bytes to the body as they came; false behind the last row.
  @discardableResult
  func withNext(_ body: ([UnsafeRawBufferPointer?]) -> Void) -> Bool {
    guard let row = library.fetchRow(result), let lengths = library.fetchLengths(result) else {
      return false
    }
    body(
      kinds.indices.map { index in
        row[index].map { UnsafeRawBufferPointer(start: $0, count: Int(lengths[index])) }
      })
    return true
  }

  private static func kind(of column: MYSQL_FIELD) -> Kind {
    /// The number by which the protocol names the set of plain bytes.
    let binary: UInt32 = 63
    switch column.type {
    case MYSQL_TYPE_TINY, MYSQL_TYPE_SHORT, MYSQL_TYPE_LONG, MYSQL_TYPE_LONGLONG,
      MYSQL_TYPE_INT24, MYSQL_TYPE_YEAR:
      return .integer
    case MYSQL_TYPE_FLOAT, MYSQL_TYPE_DOUBLE: return .real
    case MYSQL_TYPE_BIT, MYSQL_TYPE_GEOMETRY: return .blob
    case MYSQL_TYPE_TINY_BLOB, MYSQL_TYPE_MEDIUM_BLOB, MYSQL_TYPE_LONG_BLOB, MYSQL_TYPE_BLOB,
      MYSQL_TYPE_VAR_STRING, MYSQL_TYPE_STRING, MYSQL_TYPE_VARCHAR:
      return column.charsetnr == binary ? .blob : .text
    default: return .text
    }
  }

  private static func value(_ kind: Kind, _ field: UnsafeRawBufferPointer) -> SQLValue {
    if kind == .blob { return .blob(Array(field)) }
    let text = String(decoding: field, as: UTF8.self)
    switch kind {
    // An unsigned number above the largest signed one stays a text.
    case .integer: return Int64(text).map { .integer($0) } ?? .text(text)
    case .real: return Double(text).map { .real($0) } ?? .text(text)
    default: return .text(text)
    }
  }
}
