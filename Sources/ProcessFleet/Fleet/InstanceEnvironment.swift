import Glibc

/// The environment of a child, made from nothing.
enum InstanceEnvironment {
  /// What of our own environment a child may see.
  private static let inherited = ["PATH", "LANG", "TZ"]
  private static let pathDefault = "/usr/local/bin:/usr/bin:/bin"

  /// `NAME=value` for each variable, by name: ours that any child sees, then what was configured,
  /// then the database.
  static func entries(
    _ configured: [String: String] = [:], database: InjectedDatabase? = nil
  ) -> [String] {
    var variables = ["PATH": pathDefault]
    for name in inherited {
      if let value = getenv(name) { variables[name] = String(cString: value) }
    }
    variables.merge(configured) { $1 }
    if let database { variables[database.variable] = database.url }
    return variables.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
  }
}
