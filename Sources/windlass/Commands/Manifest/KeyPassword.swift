import ArgumentParser
import Glibc
import ReleaseFeeds
import WindlassCore

/// Where the password of a secret key comes from.
struct KeyPasswordOptions: ParsableArguments {
  @Option(
    name: .long,
    help: "The secret key's password: env:NAME, or file:PATH for a file's first line.")
  var passwordFrom: String?

  /// The password that the option names; nil without the option.
  func named() throws(CommandFailure) -> Secret? {
    guard let passwordFrom else { return nil }
    if passwordFrom.hasPrefix("env:") {
      let name = String(passwordFrom.dropFirst(4))
      guard let value = ProcessEnvironment.value(of: name) else {
        throw CommandFailure(
          .usage, "PasswordMissing",
          "The environment variable \(name), named by --password-from, is not set. Set it to the "
            + "secret key's password.")
      }
      return Secret(value)
    }
    guard passwordFrom.hasPrefix("file:") else {
      // The text is not repeated: it may be the password itself.
      throw CommandFailure(
        .usage, "BadArgument",
        "--password-from takes env:NAME or file:PATH, and never the password itself, which every "
          + "user of this machine could read from the process list.")
    }
    let bytes = try ManifestFiles.read(
      String(passwordFrom.dropFirst(5)), sizeMax: 4_096, what: "password file",
      whenMissing: .usage)
    return Secret(String(decoding: bytes.prefix { $0 != 0x0A && $0 != 0x0D }, as: UTF8.self))
  }
}

/// Asks a person at the terminal for a password, without showing what is typed.
enum PasswordPrompt {
  /// One line from standard input; fails where no terminal is.
  static func ask(_ question: String) throws(CommandFailure) -> Secret {
    var settings = termios()
    guard isatty(STDIN_FILENO) == 1, tcgetattr(STDIN_FILENO, &settings) == 0 else {
      throw CommandFailure(
        .usage, "PasswordMissing",
        "The secret key needs a password, and there is no terminal to ask at. Give it with "
          + "--password-from env:NAME or --password-from file:PATH.")
    }
    var silent = settings
    silent.c_lflag &= ~tcflag_t(ECHO)
    tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent)
    defer { tcsetattr(STDIN_FILENO, TCSAFLUSH, &settings) }
    write(STDERR_FILENO, question, question.utf8.count)
    let line = readLine(strippingNewline: true)
    write(STDERR_FILENO, "\n", 1)
    guard let line else {
      throw CommandFailure(
        .usage, "PasswordMissing", "No password was typed. Run the command again.")
    }
    return Secret(line)
  }

  /// A new password, typed twice.
  static func askForNew() throws(CommandFailure) -> Secret {
    let first = try ask("Password for the new secret key: ")
    guard try ask("The same password again: ") == first else {
      throw CommandFailure(
        .usage, "PasswordsDiffer", "The two passwords differ. Run the command again.")
    }
    return first
  }
}
