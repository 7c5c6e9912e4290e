import ArgumentParser
import Glibc
import WindlassCore

/// Where a database's URL comes from: `env:NAME`, `file:PATH`, or the URL itself if it holds no
/// password.
///
/// Parsing accepts every text, because a refusal by the argument parser would repeat the text, and
/// with it the password; `resolve()` refuses.
struct DatabaseReference: ExpressibleByArgument, Hashable, Sendable {
  private let text: Secret

  init(argument: String) { text = Secret(argument) }

  /// The engines whose URLs are understood, by scheme.
  static let schemes = ["sqlite", "postgres", "postgresql", "mysql", "mariadb", "cockroachdb"]

  /// Reads the URL from where the reference points.
  ///
  /// - Parameter option: the option that it was given with, for messages.
  /// - Throws: `CommandFailure` with `.usage`; no message holds any part of a URL.
  func resolve(
    option: String = "--database", environment: (String) -> String? = ProcessEnvironment.value
  ) throws(CommandFailure) -> Secret {
    let reference = text.reveal()
    if reference.hasPrefix("env:") {
      let name = String(reference.dropFirst(4))
      guard TextRules.isVariable(name) else {
        throw Self.misplaced("env:", in: option, "a variable's name")
      }
      return try DatabaseSource.environment(name).resolve(environment: environment)
    }
    if reference.hasPrefix("file:") {
      let path = String(reference.dropFirst(5))
      guard !TextRules.mayHoldSecret(path) else {
        throw Self.misplaced("file:", in: option, "a file's path")
      }
      return try DatabaseSource.file(path).resolve()
    }
    let url = try DatabaseSource.checkedURL(reference, from: option)
    guard !DatabaseSource.holdsPassword(reference) else {
      throw CommandFailure(
        .usage, "PasswordInArgument",
        "The URL given with \(option) holds a password, which every user of this machine could "
          + "read from the process list. Put the URL into an environment variable and write "
          + "\(option) env:NAME, or into a file that only you can read and write "
          + "\(option) file:PATH.")
    }
    return url
  }
  /// The failure for a text behind `env:` or `file:` that is probably a URL, which is not repeated.
  private static func misplaced(
    _ prefix: String, in option: String, _ wanted: String
  ) -> CommandFailure {
    CommandFailure(
      .usage, "DatabaseUnknown",
      "Behind \(prefix) in \(option) comes \(wanted), and what stands there is none; it is not "
        + "repeated here, as it may be a secret. Write \(prefix) and then \(wanted) of the place "
        + "that holds the database's URL.")
  }
}
