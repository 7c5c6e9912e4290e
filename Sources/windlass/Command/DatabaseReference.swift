import ArgumentParser
import Glibc
import WindlassCore

/// Where a database's URL comes from: `env:NAME`, `file:PATH`, or the URL itself if it holds no
/// password.
///
/// Parsing accepts every text, because a refusal by the argument parser would repeat the text, and
/// with it the password; `resolve()` refuses.
struct DatabaseReference: ExpressibleByArgument, Sendable {
  private let text: Secret

  init(argument: String) { text = Secret(argument) }

  /// The engines whose URLs are understood, by scheme.
  static let schemes = ["sqlite", "postgres", "postgresql", "mysql", "mariadb", "cockroachdb"]

  /// Reads the URL from where the reference points.
  ///
  /// - Throws: `CommandFailure` with `.usage`; no message holds any part of a URL.
  func resolve(
    environment: (String) -> String? = ProcessEnvironment.value
  ) throws(CommandFailure) -> Secret {
    let reference = text.reveal()
    if reference.hasPrefix("env:") {
      let name = String(reference.dropFirst(4))
      return try DatabaseSource.environment(name).resolve(environment: environment)
    }
    if reference.hasPrefix("file:") {
      return try DatabaseSource.file(String(reference.dropFirst(5))).resolve()
    }
    let url = try DatabaseSource.checkedURL(reference, from: "--database")
    guard !DatabaseSource.holdsPassword(reference) else {
      throw CommandFailure(
        .usage, "PasswordInArgument",
        "The URL given with --database holds a password, which every user of this machine could "
          + "read from the process list. Put the URL into an environment variable and write "
          + "--database env:NAME, or into a file that only you can read and write "
          + "--database file:PATH.")
    }
    return url
  }
}
