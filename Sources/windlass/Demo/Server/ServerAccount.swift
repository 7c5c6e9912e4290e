import Glibc

/// The user that a private database server runs as: this one, or, for root, one without any rights,
/// since the servers refuse root.
enum ServerAccount {
  private static let name = "nobody"

  /// The command, run as that user.
  static func command(_ words: [String]) -> [String] {
    guard geteuid() == 0, let account = account else { return words }
    return [
      "/usr/bin/setpriv", "--reuid=\(account.user)", "--regid=\(account.group)", "--clear-groups",
      "--",
    ] + words
  }

  /// Makes the directory that user's own.
  static func give(_ directory: PrivateDirectory) throws(CommandFailure) {
    try give(directory.path)
  }

  /// Makes the file that user's own.
  static func give(_ path: String) throws(CommandFailure) {
    guard geteuid() == 0 else { return }
    guard let account, chown(path, account.user, account.group) == 0 else {
      throw CommandFailure(
        .failed, "NoServerAccount",
        "A database server can't run as root, and \(path) can't be given to the user \(name): "
          + "\(String(cString: strerror(errno))). Run the command as another user.")
    }
  }

  private static var account: (user: uid_t, group: gid_t)? {
    getpwnam(name).map { ($0.pointee.pw_uid, $0.pointee.pw_gid) }
  }
}
