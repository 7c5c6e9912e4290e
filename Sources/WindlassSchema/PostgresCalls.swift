/// Calls of functions by which a PostgreSQL migration would leave its limits or its database.
enum PostgresCalls {
  /// A call that is refused.
  struct Refused {
    var kind: BodyFinding.Kind
    var token: SQLToken
    var message: String
  }

  private static let limits: Set<String> = [
    "*", "all", "client_encoding", "idle_in_transaction_session_timeout", "lock_timeout", "role",
    "session", "session_authorization", "standard_conforming_strings", "statement_timeout",
    "transaction_timeout",
  ]

  /// Whether Windlass itself sets the setting for its session, or it changes what a text means.
  static func isLimit(_ setting: String) -> Bool { limits.contains(setting) }

  private static let files: Set<String> = [
    "lo_export", "lo_import", "pg_ls_dir", "pg_read_binary_file", "pg_read_file",
  ]

  private static let server: Set<String> = [
    "pg_cancel_backend", "pg_promote", "pg_reload_conf", "pg_rotate_logfile", "pg_switch_wal",
    "pg_terminate_backend",
  ]

  /// The first call among the tokens that is refused.
  static func refused(in tokens: [SQLToken]) -> Refused? {
    for (token, next) in zip(tokens, tokens.dropFirst()) where next.isSymbol("(") {
      guard token.kind == .word || token.kind == .quotedName else { continue }
      let name = token.text.lowercased()
      if files.contains(name) {
        return Refused(
          kind: .outsideFile, token: token,
          message: "\(name) reads or writes a file of the server. Load the data by the service"
            + " itself.")
      }
      if server.contains(name) {
        return Refused(
          kind: .serverChange, token: token,
          message: "\(name) acts on the server and its other sessions. Do it by hand before the"
            + " upgrade.")
      }
      if name.hasPrefix("dblink") {
        return Refused(
          kind: .otherDatabase, token: token,
          message: "\(name) works in another database, outside the transaction. Move the data by"
            + " the service itself.")
      }
      if name.hasPrefix("pg_advisory_unlock") {
        return Refused(
          kind: .sessionSetting, token: token,
          message: "\(name) may give up the locks that keep other migrators away. Take"
            + " pg_advisory_xact_lock, which ends by itself.")
      }
    }
    return refusedSetting(in: tokens)
  }

  /// `set_config` with a limit's name, or with a name that is not written there.
  private static func refusedSetting(in tokens: [SQLToken]) -> Refused? {
    for (index, token) in tokens.enumerated()
    where token.kind != .literal && token.text.lowercased() == "set_config" {
      let rest = tokens[index...].dropFirst()
      guard rest.first?.isSymbol("(") == true else { continue }
      let arguments = rest.dropFirst().prefix(2)
      var setting = "*"
      if let name = arguments.first, name.kind == .literal, name.text.hasPrefix("'"),
        !name.text.contains("\\"), arguments.last?.isSymbol(",") == true
      {
        setting = name.text.dropFirst().dropLast().lowercased()
      }
      guard isLimit(setting) else { continue }
      let what = setting == "*" ? "a setting that is not named there" : setting
      return Refused(
        kind: .sessionSetting, token: token,
        message: "set_config changes \(what), and Windlass itself sets its session's limits. Remove"
          + " the call, or write the setting's name.")
    }
    return nil
  }
}
