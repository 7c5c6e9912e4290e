import WindlassCore
import WindlassSchema

/// The application name by which the sessions of a rehearsed server are told from all others.
enum SessionMark {
  /// The name that belongs to a copy.
  static func name(of copy: PostgresURL) -> String {
    "windlass-rehearsed-\(copy.database.suffix(24))"
  }

  /// The URL with a name in it that no other server was given.
  static func url(of copy: PostgresURL) -> String {
    let text = copy.secret.reveal()
    return text + (text.contains("?") ? "&" : "?")
      + "application_name=\(name(of: copy))"
  }
}
