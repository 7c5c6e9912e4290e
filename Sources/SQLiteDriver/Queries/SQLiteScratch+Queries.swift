import CSQLite
package import WindlassCore
package import WindlassSchema

extension SQLiteScratch: QueryPreparation {
  package nonisolated var queryEngine: String { "sqlite" }

  /// Compiles each query on the copy, which is opened for reading alone.
  package func prepare(
    _ queries: RecordedQueries, on copy: ScratchCopy
  ) async throws(StepFailure) -> [QueryOutcome] {
    // A name in double quotes that is gone would be taken for a text, as by old programs.
    let options = SQLiteOptions(
      path: try path(of: copy.label), access: .readOnly, allowsDoubleQuotedStrings: false)
    let connection = try SQLiteConnection(options)
    var outcomes: [QueryOutcome] = []
    for query in queries.queries { outcomes.append(try connection.prepare(query.sql)) }
    return outcomes
  }
}

extension SQLiteConnection {
  /// Compiles one statement, without running it.
  fileprivate func prepare(_ sql: String) throws(StepFailure) -> QueryOutcome {
    var sql = sql
    return try sql.withUTF8 { text -> Result<QueryOutcome, StepFailure> in
      do throws(StepFailure) {
        return .success(try prepare(text))
      } catch {
        return .failure(error)
      }
    }.get()
  }

  private func prepare(_ text: UnsafeBufferPointer<UInt8>) throws(StepFailure) -> QueryOutcome {
    guard let base = text.baseAddress else { return .refused("it is empty") }
    let start = UnsafeRawPointer(base).assumingMemoryBound(to: CChar.self)
    var handle: OpaquePointer?
    var tail: UnsafePointer<CChar>?
    // Compiled anew each time: a statement that was kept would not notice a change of the schema.
    let code = sqlite3_prepare_v2(self.handle, start, Int32(clamping: text.count), &handle, &tail)
    guard code == SQLITE_OK else {
      // Only what is wrong with the text is an answer; a file that can't be read is none.
      guard code & 0xff == SQLITE_ERROR else { throw failure(code) }
      return .refused(String(cString: sqlite3_errmsg(self.handle)))
    }
    guard let handle, let tail else { return .refused("it holds no statement") }
    let statement = PreparedStatement(owning: handle, of: self)
    let rest = text[start.distance(to: tail)...]
    // A text that SQLite has read so far has tokens; one that has none behind here is a second one.
    let tokens = try? SQLiteTokenizer.tokens(of: String(decoding: rest, as: UTF8.self))
    guard let tokens, tokens.allSatisfy({ $0.isSymbol(";") }) else {
      return .refused("it holds more than one statement")
    }
    return .prepared(columns: statement.describedColumns)
  }
}

extension PreparedStatement {
  /// The names of the result's columns, with the types that the schema declares for them.
  fileprivate var describedColumns: [String] {
    zip(columns, 0...).map { name, index in
      let type = sqlite3_column_decltype(handle, Int32(index)).map { " " + String(cString: $0) }
      return name + (type ?? "")
    }
  }
}
