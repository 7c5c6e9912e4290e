import CPostgres
import Glibc
import WindlassCore

/// PostgreSQL's client library, loaded on first use, so that `windlass` starts without it.
struct PostgresLibrary: Sendable {
  typealias Handle = OpaquePointer
  typealias Text = UnsafePointer<CChar>
  typealias Texts = UnsafePointer<UnsafePointer<CChar>?>

  let connectStart: @convention(c) @Sendable (Texts?, Texts?, Int32) -> Handle?
  let connectPoll: @convention(c) @Sendable (Handle?) -> PostgresPollingStatusType
  let status: @convention(c) @Sendable (Handle?) -> ConnStatusType
  let transactionStatus: @convention(c) @Sendable (Handle?) -> PGTransactionStatusType
  let socket: @convention(c) @Sendable (Handle?) -> Int32
  let finish: @convention(c) @Sendable (Handle?) -> Void
  let errorMessage: @convention(c) @Sendable (Handle?) -> UnsafeMutablePointer<CChar>?
  let setVerbosity: @convention(c) @Sendable (Handle?, PGVerbosity) -> PGVerbosity
  let setNonBlocking: @convention(c) @Sendable (Handle?, Int32) -> Int32
  let serverVersion: @convention(c) @Sendable (Handle?) -> Int32
  let backendProcess: @convention(c) @Sendable (Handle?) -> Int32
  let setNoticeReceiver:
    @convention(c) @Sendable (Handle?, PQnoticeReceiver?, UnsafeMutableRawPointer?) ->
      PQnoticeReceiver?

  let sendQuery: @convention(c) @Sendable (Handle?, Text?) -> Int32
  let sendQueryParams:
    @convention(c) @Sendable (
      Handle?, Text?, Int32, UnsafePointer<Oid>?, Texts?, UnsafePointer<Int32>?,
      UnsafePointer<Int32>?, Int32
    ) -> Int32
  let enterPipeline: @convention(c) @Sendable (Handle?) -> Int32
  let exitPipeline: @convention(c) @Sendable (Handle?) -> Int32
  let pipelineSync: @convention(c) @Sendable (Handle?) -> Int32
  let sendPrepare:
    @convention(c) @Sendable (Handle?, Text?, Text?, Int32, UnsafePointer<Oid>?) -> Int32
  let sendPrepared:
    @convention(c) @Sendable (
      Handle?, Text?, Int32, Texts?, UnsafePointer<Int32>?, UnsafePointer<Int32>?, Int32
    ) -> Int32
  let setSingleRowMode: @convention(c) @Sendable (Handle?) -> Int32
  let flush: @convention(c) @Sendable (Handle?) -> Int32
  let consumeInput: @convention(c) @Sendable (Handle?) -> Int32
  let isBusy: @convention(c) @Sendable (Handle?) -> Int32
  let getResult: @convention(c) @Sendable (Handle?) -> Handle?
  let getCopyData:
    @convention(c) @Sendable (Handle?, UnsafeMutablePointer<UnsafeMutablePointer<CChar>?>?, Int32)
      -> Int32
  let freeMemory: @convention(c) @Sendable (UnsafeMutableRawPointer?) -> Void

  let resultStatus: @convention(c) @Sendable (Handle?) -> ExecStatusType
  let resultField: @convention(c) @Sendable (Handle?, Int32) -> UnsafeMutablePointer<CChar>?
  let rowCount: @convention(c) @Sendable (Handle?) -> Int32
  let columnCount: @convention(c) @Sendable (Handle?) -> Int32
  let columnName: @convention(c) @Sendable (Handle?, Int32) -> UnsafeMutablePointer<CChar>?
  let columnType: @convention(c) @Sendable (Handle?, Int32) -> Oid
  let isNull: @convention(c) @Sendable (Handle?, Int32, Int32) -> Int32
  let value: @convention(c) @Sendable (Handle?, Int32, Int32) -> UnsafeMutablePointer<CChar>?
  let length: @convention(c) @Sendable (Handle?, Int32, Int32) -> Int32
  let describePrepared: @convention(c) @Sendable (Handle?, UnsafePointer<CChar>?) -> Int32
  let parameterCount: @convention(c) @Sendable (Handle?) -> Int32
  let columnModifier: @convention(c) @Sendable (Handle?, Int32) -> Int32
  let rowsChanged: @convention(c) @Sendable (Handle?) -> UnsafeMutablePointer<CChar>?
  let clear: @convention(c) @Sendable (Handle?) -> Void

  let getCancel: @convention(c) @Sendable (Handle?) -> Handle?
  let cancel: @convention(c) @Sendable (Handle?, UnsafeMutablePointer<CChar>?, Int32) -> Int32
  let freeCancel: @convention(c) @Sendable (Handle?) -> Void

  private static let loaded: Result<PostgresLibrary, StepFailure> = load()

  /// The library, which stays loaded until the process ends.
  ///
  /// - Throws: `LibraryMissing`, which names the Debian package.
  static func shared() throws(StepFailure) -> PostgresLibrary { try loaded.get() }

  private static func load() -> Result<PostgresLibrary, StepFailure> {
    // Debian's libpq brings LDAP's library, that one GnuTLS with eight more, and nearly all names
    // are bound at once. Opened by themselves these nine look for their names among each other,
    // and not behind twenty libraries that have none of them: a fifth of the time of all. Where
    // there is no such library, libpq does without it.
    _ = dlopen("libgnutls.so.30", RTLD_LAZY | RTLD_LOCAL)
    guard let library = dlopen("libpq.so.5", RTLD_LAZY | RTLD_LOCAL) else {
      return .failure(missing("libpq.so.5 is not installed"))
    }
    do throws(StepFailure) {
      return .success(try PostgresLibrary(SymbolTable(library: library)))
    } catch {
      return .failure(error)
    }
  }

  fileprivate static func missing(_ reason: String) -> StepFailure {
    StepFailure(
      code: "LibraryMissing", disposition: .stop,
      message: "PostgreSQL's client library can't be used: \(reason). Install the Debian package"
        + " libpq5, version 15 or newer, on this machine.")
  }
}

extension PostgresLibrary {
  private init(_ table: SymbolTable) throws(StepFailure) {
    connectStart = try table.find("PQconnectStartParams")
    connectPoll = try table.find("PQconnectPoll")
    status = try table.find("PQstatus")
    transactionStatus = try table.find("PQtransactionStatus")
    socket = try table.find("PQsocket")
    finish = try table.find("PQfinish")
    errorMessage = try table.find("PQerrorMessage")
    setVerbosity = try table.find("PQsetErrorVerbosity")
    setNonBlocking = try table.find("PQsetnonblocking")
    serverVersion = try table.find("PQserverVersion")
    backendProcess = try table.find("PQbackendPID")
    setNoticeReceiver = try table.find("PQsetNoticeReceiver")
    sendQuery = try table.find("PQsendQuery")
    sendQueryParams = try table.find("PQsendQueryParams")
    enterPipeline = try table.find("PQenterPipelineMode")
    exitPipeline = try table.find("PQexitPipelineMode")
    pipelineSync = try table.find("PQpipelineSync")
    sendPrepare = try table.find("PQsendPrepare")
    sendPrepared = try table.find("PQsendQueryPrepared")
    describePrepared = try table.find("PQsendDescribePrepared")
    parameterCount = try table.find("PQnparams")
    columnModifier = try table.find("PQfmod")
    setSingleRowMode = try table.find("PQsetSingleRowMode")
    flush = try table.find("PQflush")
    consumeInput = try table.find("PQconsumeInput")
    isBusy = try table.find("PQisBusy")
    getResult = try table.find("PQgetResult")
    getCopyData = try table.find("PQgetCopyData")
    freeMemory = try table.find("PQfreemem")
    resultStatus = try table.find("PQresultStatus")
    resultField = try table.find("PQresultErrorField")
    rowCount = try table.find("PQntuples")
    columnCount = try table.find("PQnfields")
    columnName = try table.find("PQfname")
    columnType = try table.find("PQftype")
    isNull = try table.find("PQgetisnull")
    value = try table.find("PQgetvalue")
    length = try table.find("PQgetlength")
    rowsChanged = try table.find("PQcmdTuples")
    clear = try table.find("PQclear")
    getCancel = try table.find("PQgetCancel")
    cancel = try table.find("PQcancel")
    freeCancel = try table.find("PQfreeCancel")
  }
}

/// The functions of a loaded library by name.
private struct SymbolTable {
  let library: UnsafeMutableRawPointer

  /// Finds a function; `Function` must be its C type.
  func find<Function>(_ name: String) throws(StepFailure) -> Function {
    guard let symbol = dlsym(library, name) else {
      throw PostgresLibrary.missing("it has no function \(name)")
    }
    // Every caller's property has the type that libpq-fe.h declares for the function of that name.
    return unsafeBitCast(symbol, to: Function.self)
  }
}
