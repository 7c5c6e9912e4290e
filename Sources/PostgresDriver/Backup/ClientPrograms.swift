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

  /// Finds the programs for a server: those in the directory that was named where they can do it,
  /// else those of the server's own major version, else of the next one above, since an older
  /// `pg_dump` does not know what a newer server holds.
  ///
  /// - Parameters:
  ///   - serverVersion: such as 150004.
  ///   - named: the directory that a person named; nil where nobody did.
  ///   - usual: where the programs may be besides.
  /// - Throws: `ProgramMissing` with the Debian package to install; `ProgramTooOld` with the
  ///   versions that were found and the one that is needed.
  static func find(
    serverVersion: Int, place: String, named: String? = ClientPrograms.namedDirectory(),
    usual: [String] = ClientPrograms.usualDirectories()
  ) throws(StepFailure) -> ClientPrograms {
    let needed = serverVersion / 10_000
    if let named, let programs = try programs(in: named), programs.major >= needed {
      return programs
    }
    var found: [ClientPrograms] = []
    for directory in usual {
      if let programs = try programs(in: directory) { found.append(programs) }
    }
    if let fitting = found.filter({ $0.major >= needed }).min(by: { $0.major < $1.major }) {
      return fitting
    }
    if let named, let programs = try programs(in: named) { found.append(programs) }
    let remedy =
      "Install the Debian package postgresql-client-\(needed), or name the directory of such"
      + " programs in \(variable)."
    guard let newest = found.max(by: { $0.major < $1.major }) else {
      throw StepFailure(
        code: "ProgramMissing", disposition: .stop,
        message: "The programs pg_dump and pg_restore, with which PostgreSQL is backed up, are not"
          + " on this machine. \(remedy)")
    }
    throw StepFailure(
      code: "ProgramTooOld", disposition: .stop,
      message: "\(place) runs PostgreSQL \(needed), and the newest pg_dump on this machine is"
        + " \(newest.version) in \(newest.directory), which can't back it up. \(remedy)")
  }

  private static let variable = "WINDLASS_CLIENT_PROGRAMS"

  /// The directory that `WINDLASS_CLIENT_PROGRAMS` names.
  static func namedDirectory() -> String? {
    guard let value = getenv(variable) else { return nil }
    let directory = String(cString: value)
    return directory.isEmpty ? nil : directory
  }

  /// Debian's directory of each version, then the usual ones.
  static func usualDirectories() -> [String] {
    let root = "/usr/lib/postgresql"
    let versions = (FilePath.names(in: root) ?? []).filter { Int($0) != nil }
    return versions.map { "\(root)/\($0)/bin" } + ["/usr/local/bin", "/usr/bin"]
  }

  /// The programs of a directory; nil where one of the two is not there.
  private static func programs(in directory: String) throws(StepFailure) -> ClientPrograms? {
    guard access("\(directory)/pg_dump", X_OK) == 0,
      access("\(directory)/pg_restore", X_OK) == 0,
      let version = try version(of: "\(directory)/pg_dump")
    else { return nil }
    let major = Int(version.prefix { $0.isNumber }) ?? 0
    return ClientPrograms(directory: directory, major: major, version: version)
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
