import WindlassCore
import WindlassSchema

/// What a new database must have in common with the one that it stands for, besides its contents.
struct DatabaseModel: Hashable, Sendable {
  var encoding: String
  /// The clauses for its locale.
  var locale: String
  /// Settings of the database, such as `search_path TO app`.
  var settings: [String]

  /// Takes the parts apart that `parts` put together.
  init(parts: [String]) {
    encoding = parts.first ?? "UTF8"
    locale = parts.count > 1 ? parts[1] : ""
    settings = Array(parts.dropFirst(2))
  }

  /// Names every part.
  init(encoding: String, locale: String, settings: [String]) {
    self.encoding = encoding
    self.locale = locale
    self.settings = settings
  }

  /// Everything, as a backup's manifest keeps it.
  var parts: [String] { [encoding, locale] + settings }

  /// The statement that makes such a database, empty.
  func creation(of name: String) -> String {
    "CREATE DATABASE \(name) TEMPLATE template0 ENCODING '\(encoding)' \(locale)"
  }

  /// Turns a setting as the server stores it, `name=value`, into what `SET` takes.
  static func setting(_ text: String) -> String? {
    guard let mark = text.firstIndex(of: "=") else { return nil }
    let name = String(text[..<mark])
    let value = String(text[text.index(after: mark)...])
    // A list is stored as it is written, with each name quoted where it must be.
    let isList = name == "search_path" || name == "temp_tablespaces" || name.hasSuffix("_libraries")
    return "\(name.quotedName) TO \(isList ? value : SQLValue.text(value).literal)"
  }
}

extension PostgresConnection {
  /// Reads what a database like this one needs.
  func databaseModel() throws(StepFailure) -> DatabaseModel {
    // The names of these columns grew with the versions.
    let provider = serverVersion >= 150_000 ? "datlocprovider::text" : "'c'"
    let locale =
      serverVersion >= 170_000
      ? "datlocale" : serverVersion >= 150_000 ? "daticulocale" : "NULL"
    let rows = try rows(
      """
      SELECT pg_encoding_to_char(encoding), datcollate, datctype, \(provider), \(locale)
      FROM pg_catalog.pg_database WHERE datname = current_database()
      """, limit: 1)
    guard let row = rows.first else { throw pooled() }
    var clauses =
      "LC_COLLATE \(row.values[1].literal) LC_CTYPE \(row.values[2].literal)"
    switch row.values[3].text {
    case "i":
      clauses += " LOCALE_PROVIDER icu ICU_LOCALE \(row.values[4].literal)"
    case "b":
      clauses += " LOCALE_PROVIDER builtin BUILTIN_LOCALE \(row.values[4].literal)"
    default: break
    }
    return DatabaseModel(
      encoding: row.values[0].text ?? "UTF8", locale: clauses, settings: try databaseSettings())
  }

  /// What `ALTER DATABASE … SET` has set, as that statement takes it.
  private func databaseSettings() throws(StepFailure) -> [String] {
    let rows = try rows(
      """
      SELECT unnest(s.setconfig) FROM pg_catalog.pg_db_role_setting s
      JOIN pg_catalog.pg_database d ON d.oid = s.setdatabase
      WHERE d.datname = current_database() AND s.setrole = 0 ORDER BY 1
      """)
    return rows.compactMap { row in row.values[0].text.flatMap(DatabaseModel.setting) }
  }
}

extension SQLValue {
  /// The text as a literal of the language; the empty one for null.
  fileprivate var literal: String {
    let text = text ?? ""
    let quoted = text.split(separator: "'", omittingEmptySubsequences: false)
      .joined(separator: "''")
    // A backslash has no meaning in a plain literal as the standard has it, which every session
    // of ours keeps.
    return "'\(quoted)'"
  }
}
