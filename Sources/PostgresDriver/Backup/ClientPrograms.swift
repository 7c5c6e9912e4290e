import Glibc
import WindlassCore
import WindlassSchema

/// PostgreSQL's own programs for backups, of one version.
struct ClientPrograms: Hashable, Sendable {
  /// Where the programs are.
  var directory: String
  /// Such as 15.
  var major: Int
  /// Such as `15.18`.
  var version: String

  var dump: String { "\(directory)/pg_dump" }
  var restore: String { "\(directory)/pg_restore" }

  /// Finds the programs for a server: those of its own major version, or else of the next one
  /// above, since an older `pg_dump` does not know what a newer server holds.
  ///
  /// - Parameter serverVersion: such as 150004.
  /// - Throws: `ProgramMissing` with the Debian package to install; `ProgramTooOld`.
  static func find(
    serverVersion: Int, place: String, in directories: [String] = ClientPrograms.directories()
  ) throws(StepFailure) -> ClientPrograms {
    let needed = serverVersion / 10_000
    var found: [ClientPrograms] = []
    for directory in directories {
      guard access("\(directory)/pg_dump", X_OK) == 0,
        access("\(directory)/pg_restore", X_OK) == 0,
        let version = try version(of: "\(directory)/pg_dump")
      else { continue }
      let major = Int(version.prefix { $0.isNumber }) ?? 0
      found.append(ClientPrograms(directory: directory, major: major, version: version))
    }
    let fitting = found.filter { $0.major >= needed }.min { $0.major < $1.major }
    if let fitting { return fitting }
    guard let newest = found.max(by: { $0.major < $1.major }) else {
      throw StepFailure(
        code: "ProgramMissing", disposition: .stop,
        message: "The programs pg_dump and pg_restore, with which PostgreSQL is backed up, are not"
          + " on this machine. Install the Debian package postgresql-client-\(needed).")
    }
    throw StepFailure(
      code: "ProgramTooOld", disposition: .stop,
      message: "\(place) runs PostgreSQL \(needed), and the newest pg_dump on this machine is"
        + " \(newest.version), which can't back it up. Install the Debian package"
        + " postgresql-client-\(needed).")
  }

  /// Where the programs may be: the directory that `WINDLASS_CLIENT_PROGRAMS` names, Debian's
  /// directory of each version, then the usual ones.
  static func directories() -> [String] {
    let root = "/usr/lib/postgresql"
    let named = getenv("WINDLASS_CLIENT_PROGRAMS").map { String(cString: $0) } ?? ""
    let chosen = named.isEmpty ? [] : [named]
    let versions = (FilePath.names(in: root) ?? []).filter { Int($0) != nil }
    return chosen + versions.map { "\(root)/\($0)/bin" } + ["/usr/local/bin", "/usr/bin"]
  }

  /// Reads `pg_dump (PostgreSQL) 15.18 (Debian 15.18-0+deb12u1)`; nil for anything else.
  private static func version(of program: String) throws(StepFailure) -> String? {
    let child = try ClientProcess(
      [program, "--version"], environment: ClientAccess.plainEnvironment)
    var bytes: [UInt8] = []
    let ending = try child.run(within: Bounds.programVersionDeadline) { chunk in bytes += chunk }
    let words = String(decoding: bytes, as: UTF8.self).split(separator: " ")
    guard ending.isSuccess, words.count > 2, words[2].first?.isNumber == true else { return nil }
    return words[2].trimmingNewline
  }
}

extension Substring {
  fileprivate var trimmingNewline: String { String(prefix { $0 != "\n" }) }
}
