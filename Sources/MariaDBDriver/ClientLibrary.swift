import CMariaDB
import Glibc
import WindlassCore

/// libmariadb, loaded on first use, so that a program that never meets such a database starts
/// without it.
struct ClientLibrary: Sendable {
  typealias Handle = UnsafeMutablePointer<MYSQL>
  typealias ResultSet = UnsafeMutablePointer<MYSQL_RES>
  typealias Row = UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>
  typealias Text = UnsafePointer<CChar>

  let initialise: @Sendable @convention(c) (Handle?) -> Handle?
  let close: @Sendable @convention(c) (Handle?) -> Void
  let option: @Sendable @convention(c) (Handle?, mysql_option, UnsafeRawPointer?) -> Int32
  let option4:
    @Sendable @convention(c) (
      Handle?, mysql_option, UnsafeRawPointer?, UnsafeRawPointer?
    ) -> Int32
  let connect:
    @Sendable @convention(c) (
      Handle?, Text?, Text?, Text?, Text?, UInt32, Text?, UInt
    ) -> Handle?
  let queryStart:
    @Sendable @convention(c) (UnsafeMutablePointer<Int32>?, Handle?, Text?, UInt) -> Int32
  let queryContinue:
    @Sendable @convention(c) (UnsafeMutablePointer<Int32>?, Handle?, Int32) -> Int32
  let storeStart: @Sendable @convention(c) (UnsafeMutablePointer<ResultSet?>?, Handle?) -> Int32
  let storeContinue:
    @Sendable @convention(c) (UnsafeMutablePointer<ResultSet?>?, Handle?, Int32) -> Int32
  let useResult: @Sendable @convention(c) (Handle?) -> ResultSet?
  let fetchRow: @Sendable @convention(c) (ResultSet?) -> Row?
  let fetchLengths: @Sendable @convention(c) (ResultSet?) -> UnsafeMutablePointer<UInt>?
  let columnCount: @Sendable @convention(c) (ResultSet?) -> UInt32
  let column: @Sendable @convention(c) (ResultSet?, UInt32) -> UnsafeMutablePointer<MYSQL_FIELD>?
  let freeResult: @Sendable @convention(c) (ResultSet?) -> Void
  let fieldCount: @Sendable @convention(c) (Handle?) -> UInt32
  let hasMoreResults: @Sendable @convention(c) (Handle?) -> my_bool
  let nextStart: @Sendable @convention(c) (UnsafeMutablePointer<Int32>?, Handle?) -> Int32
  let nextContinue: @Sendable @convention(c) (UnsafeMutablePointer<Int32>?, Handle?, Int32) -> Int32
  let serverOptionStart:
    @Sendable @convention(c) (
      UnsafeMutablePointer<Int32>?, Handle?, enum_mysql_set_option
    ) -> Int32
  let serverOptionContinue:
    @Sendable @convention(c) (UnsafeMutablePointer<Int32>?, Handle?, Int32) -> Int32
  let affectedRows: @Sendable @convention(c) (Handle?) -> UInt64
  let errorNumber: @Sendable @convention(c) (Handle?) -> UInt32
  let errorText: @Sendable @convention(c) (Handle?) -> Text?
  let stateText: @Sendable @convention(c) (Handle?) -> Text?
  let connectionID: @Sendable @convention(c) (Handle?) -> UInt
  let serverVersion: @Sendable @convention(c) (Handle?) -> Text?
  let socket: @Sendable @convention(c) (Handle?) -> Int32

  /// The library, or why it is not to be had.
  static func load() throws(StepFailure) -> ClientLibrary { try loaded.get() }

  private static let loaded = Result { () throws(StepFailure) in try ClientLibrary() }

  private static let file = "libmariadb.so.3"

  private init() throws(StepFailure) {
    guard let library = dlopen(Self.file, RTLD_NOW | RTLD_LOCAL) else {
      throw StepFailure(
        code: "ClientLibraryMissing", disposition: .stop,
        message: "\(Self.file) can't be loaded, and without it no MySQL or MariaDB database is"
          + " reached. Install the Debian package libmariadb3.")
    }
    // Never closed: the library keeps state of its own for as long as the process lives.
    initialise = try Self.function("mysql_init", in: library)
    close = try Self.function("mysql_close", in: library)
    option = try Self.function("mysql_options", in: library)
    option4 = try Self.function("mysql_options4", in: library)
    connect = try Self.function("mysql_real_connect", in: library)
    queryStart = try Self.function("mysql_real_query_start", in: library)
    queryContinue = try Self.function("mysql_real_query_cont", in: library)
    storeStart = try Self.function("mysql_store_result_start", in: library)
    storeContinue = try Self.function("mysql_store_result_cont", in: library)
    useResult = try Self.function("mysql_use_result", in: library)
    fetchRow = try Self.function("mysql_fetch_row", in: library)
    fetchLengths = try Self.function("mysql_fetch_lengths", in: library)
    columnCount = try Self.function("mysql_num_fields", in: library)
    column = try Self.function("mysql_fetch_field_direct", in: library)
    freeResult = try Self.function("mysql_free_result", in: library)
    fieldCount = try Self.function("mysql_field_count", in: library)
    hasMoreResults = try Self.function("mysql_more_results", in: library)
    nextStart = try Self.function("mysql_next_result_start", in: library)
    nextContinue = try Self.function("mysql_next_result_cont", in: library)
    serverOptionStart = try Self.function("mysql_set_server_option_start", in: library)
    serverOptionContinue = try Self.function("mysql_set_server_option_cont", in: library)
    affectedRows = try Self.function("mysql_affected_rows", in: library)
    errorNumber = try Self.function("mysql_errno", in: library)
    errorText = try Self.function("mysql_error", in: library)
    stateText = try Self.function("mysql_sqlstate", in: library)
    connectionID = try Self.function("mysql_thread_id", in: library)
    serverVersion = try Self.function("mysql_get_server_info", in: library)
    socket = try Self.function("mysql_get_socket", in: library)
    // "In a multi-threaded environment mysql_library_init has to be called before mysql_init."
    typealias Start =
      @convention(c) (
        Int32, UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?,
        UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?
      ) -> Int32
    let start: Start = try Self.function("mysql_server_init", in: library)
    _ = start(0, nil, nil)
  }

  private static func function<Function>(
    _ name: String, in library: UnsafeMutableRawPointer
  ) throws(StepFailure) -> Function {
    guard let address = dlsym(library, name) else {
      throw StepFailure(
        code: "ClientLibraryMissing", disposition: .stop,
        message: "\(file) has no function \(name). Install the Debian package libmariadb3 in a"
          + " version that belongs to this system.")
    }
    // The types above are those of the functions in mysql.h, and a C function's pointer has the
    // size of any other.
    return unsafeBitCast(address, to: Function.self)
  }
}
