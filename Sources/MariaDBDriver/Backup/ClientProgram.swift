import Glibc
import WindlassCore
import WindlassSchema

/// A client program of the server's makers, such as `mariadb-dump`.
struct ClientProgram {
  /// Whose program it is, since their options differ.
  enum Maker: Hashable, Sendable {
    case mariaDB, mySQL
  }

  let path: String
  let maker: Maker

  /// Finds the first of the programs that exists, in the directory that `WINDLASS_CLIENT_PROGRAMS`
  /// names or where programs usually are.
  ///
  /// Debian's `mysqldump` is MariaDB's under another name, so a program is asked for its maker.
  static func find(_ names: [String]) throws(StepFailure) -> ClientProgram {
    let named = getenv("WINDLASS_CLIENT_PROGRAMS").map { String(cString: $0) } ?? ""
    let chosen = named.isEmpty ? [] : [named]
    // A directory that was chosen is asked for all the names before any other for the first.
    let places = [chosen, ["/usr/bin", "/usr/local/bin", "/bin"]]
    let paths = places.flatMap { directories in
      names.flatMap { name in directories.map { "\($0)/\(name)" } }
    }
    if let path = paths.first(where: { access($0, X_OK) == 0 }) {
      return ClientProgram(path: path, maker: try maker(of: path))
    }
    throw StepFailure(
      code: "ClientProgramMissing", disposition: .stop,
      message: "None of the programs \(names.joined(separator: ", ")) is installed, and backups"
        + " need one. Install the Debian package mariadb-client, or name the directory in which"
        + " they are in WINDLASS_CLIENT_PROGRAMS.")
  }

  private static func maker(of path: String) throws(StepFailure) -> Maker {
    var words: [UInt8] = []
    let child = try ClientChild.start(path, ["--version"], input: .nothing)
    do throws(StepFailure) {
      try child.consume(within: Bounds.programVersionDeadline, look: {}, { words += $0 })
    } catch {
      child.kill()
      throw error
    }
    _ = child.end()
    return String(decoding: words, as: UTF8.self).contains("MariaDB") ? .mariaDB : .mySQL
  }
}

/// One run of a client program.
///
/// The password goes in a file that only this user may read, never in an argument or the
/// environment.
struct ClientRun {
  let program: ClientProgram
  let address: MySQLAddress
  /// A directory of ours for the file with the password.
  let directory: String
  /// How long it may run.
  let limit: Interval

  /// Where what the program writes goes.
  typealias Consumer = (UnsafeRawBufferPointer) throws(StepFailure) -> Void

  /// Runs the program.
  ///
  /// - Parameters:
  ///   - arguments: behind the one that names the file with the password.
  ///   - input: what the program reads.
  ///   - look: called again and again while the program runs; ends it by throwing.
  ///   - consume: gets what the program writes, in pieces.
  /// - Throws: `ClientProgramFailed` with the last words of the program.
  func run(
    _ arguments: [String], input: ClientChild.Input = .nothing,
    look: () throws(StepFailure) -> Void = {}, consume: Consumer
  ) throws(StepFailure) {
    let file =
      "\(directory)/.client-\(getpid())-\(UInt32.random(in: 0...UInt32.max))"
      + BackupDirectory.temporarySuffix
    try FileStream.replace(file, with: Array(defaults.utf8))
    defer { FileStream.remove(file) }
    let child = try ClientChild.start(
      program.path, ["--defaults-file=\(file)"] + arguments, input: input)
    do throws(StepFailure) {
      try child.consume(within: limit, look: look, consume)
    } catch {
      child.kill()
      throw error
    }
    let (status, words) = child.end()
    guard status == 0 else {
      throw StepFailure(
        code: "ClientProgramFailed", disposition: .stop,
        message: "\(program.path) on \(address.name) ended with status \(status >> 8 & 0xFF):"
          + " \(words.isEmpty ? "it said nothing" : words). Check the rights of the user and the"
          + " disk.")
    }
  }

  private var defaults: String {
    var lines = ["[client]", "user=\(quoted(address.user))"]
    lines.append("password=\(quoted(address.password.reveal()))")
    switch address.place {
    case .socket(let path): lines.append("socket=\(quoted(path))")
    case .host(let host, let port):
      lines += ["host=\(quoted(host == "localhost" ? "127.0.0.1" : host))", "port=\(port)"]
      lines.append("protocol=tcp")
    }
    lines += protection
    let files = [
      ("ssl-ca", address.authorities), ("ssl-cert", address.certificate), ("ssl-key", address.key),
    ]
    for (name, path) in files {
      if let path { lines.append("\(name)=\(quoted(path))") }
    }
    return lines.joined(separator: "\n") + "\n"
  }

  private var protection: [String] {
    switch (program.maker, address.protection) {
    // Newer clients want a certificate of every server that has one, and refuse those of its own.
    case (.mariaDB, .none): ["skip-ssl-verify-server-cert"]
    case (.mariaDB, .encrypted): ["ssl", "skip-ssl-verify-server-cert"]
    case (.mariaDB, .verified): ["ssl", "ssl-verify-server-cert"]
    case (.mySQL, .none): []
    case (.mySQL, .encrypted): ["ssl-mode=REQUIRED"]
    case (.mySQL, .verified): ["ssl-mode=VERIFY_IDENTITY"]
    }
  }

  /// A value of an option file, in quotes, with what would end them escaped.
  private func quoted(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\\\"
      case "\"": result += "\\\""
      case "'": result += "\\'"
      case "\n": result += "\\n"
      case "\r": result += "\\r"
      case "\t": result += "\\t"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return "\"\(result)\""
  }
}
