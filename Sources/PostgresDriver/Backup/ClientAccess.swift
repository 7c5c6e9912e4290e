import Glibc
import WindlassCore
import WindlassSchema

/// How one of PostgreSQL's programs is told its database: what is no secret by argument, the
/// password in a file that only this user may read and that goes with this value.
final class ClientAccess {
  /// The value of `--dbname`.
  let connection: String
  /// The whole environment of the child.
  let environment: [String]
  private let passwordFile: String

  /// Writes the password's file into the directory.
  init(
    _ url: PostgresURL, applicationName: String, directory: String
  ) throws(StepFailure) {
    var words: [String] = []
    var password: String?
    for (name, value) in url.keywords {
      let text = value.reveal()
      switch name {
      case "password": password = text
      case "sslpassword": throw Self.unusable("the password of the client's key (sslpassword)")
      default: words.append("\(name)=\(Self.quoted(text))")
      }
    }
    words.append("application_name=\(Self.quoted(applicationName))")
    connection = words.joined(separator: " ")
    // What the library would take from this process's environment is handed on in the same way.
    if password == nil, let variable = getenv("PGPASSWORD") {
      password = String(cString: variable)
    }
    let file = "\(directory)/.password-\(Self.randomName())\(BackupDirectory.temporarySuffix)"
    var environment = Self.plainEnvironment + Self.ownVariables()
    if let password {
      guard !password.contains(where: \.isNewline) else {
        throw Self.unusable("a password with a line break")
      }
      let line = "*:*:*:*:\(Self.escaped(password))\n"
      try FileStream.replace(file, with: Array(line.utf8))
      environment.append("PGPASSFILE=\(file)")
    }
    self.environment = environment
    passwordFile = file
  }

  deinit { FileStream.remove(passwordFile) }

  /// What any program needs, in the language that its messages are read in.
  static let plainEnvironment = ["LC_ALL=C", "PATH=/usr/local/bin:/usr/bin:/bin"]

  /// This process's variables that the library reads, without its password.
  private static func ownVariables() -> [String] {
    var variables: [String] = []
    for name in [
      "HOME", "PGCHANNELBINDING", "PGHOST", "PGHOSTADDR", "PGPASSFILE", "PGPORT", "PGREQUIREAUTH",
      "PGSERVICEFILE", "PGSSLCERT", "PGSSLCRL", "PGSSLKEY", "PGSSLMODE", "PGSSLROOTCERT",
      "PGSYSCONFDIR", "PGUSER",
    ] {
      if let value = getenv(name) { variables.append("\(name)=\(String(cString: value))") }
    }
    return variables
  }

  /// A value in a connection string.
  private static func quoted(_ text: String) -> String {
    var quoted = "'"
    for character in text {
      if character == "'" || character == "\\" { quoted.append("\\") }
      quoted.append(character)
    }
    return quoted + "'"
  }

  /// A password in its file, where `:` and `\` have a meaning.
  private static func escaped(_ password: String) -> String {
    var escaped = ""
    for character in password {
      if character == ":" || character == "\\" { escaped.append("\\") }
      escaped.append(character)
    }
    return escaped
  }

  private static func randomName() -> String {
    String(UInt64.random(in: .min ... .max), radix: 36)
  }

  private static func unusable(_ what: String) -> StepFailure {
    StepFailure(
      code: "BadURL", disposition: .stop,
      message: "The database URL holds \(what), which pg_dump can be told in no safe way. Give the"
        + " backup another user with `database.roles.backup`.")
  }
}
