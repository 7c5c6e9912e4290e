import Glibc
import WindlassCore

/// A program that tells the schema's version, as a service's own `migrate version` does.
struct LedgerProgram {
  private let words: [String]
  private let environment: [String]

  /// Takes the program's words; its environment has nothing of ours but where programs are, and the
  /// URL where the program is to be told it.
  init(_ words: [String], variable: String?, url: Secret) {
    self.words = words
    let path = ProcessEnvironment.value(of: "PATH") ?? "/usr/local/bin:/usr/bin:/bin"
    environment = ["PATH=\(path)"] + (variable.map { ["\($0)=\(url.reveal())"] } ?? [])
  }

  /// Runs the program to its end.
  ///
  /// - Returns: the first line that it writes; nil when it writes none, so that nothing is applied.
  /// - Throws: for a program that can't be run, fails, or does not end in time.
  func version() async throws -> String? {
    let directory = try PrivateDirectory.temporary("windlass-ledger")
    defer { directory.remove() }
    let output = "\(directory.path)/output"
    let process = try LoggedProcess(
      words, environment: environment, log: output, errors: "\(directory.path)/errors")
    let deadline = ContinuousClock.now + .seconds(Self.secondsMax)
    while process.isRunning {
      guard ContinuousClock.now < deadline else {
        process.kill()
        // A cancelled task does not sleep, and a killed process does not last.
        while process.isRunning { try? await Task.sleep(for: .milliseconds(5)) }
        throw failure("did not end within \(Self.secondsMax) s")
      }
      do {
        try await Task.sleep(for: .milliseconds(5))
      } catch {
        process.kill()
        throw error
      }
    }
    guard process.hasSucceeded else { throw failure("failed") }
    let text = String(decoding: try TextFile.read(output, sizeMax: 65_536), as: UTF8.self)
    let line = text.split(whereSeparator: \.isNewline).first ?? ""
    let word = line.drop { $0.isWhitespace }.prefix { !$0.isWhitespace }
    return word.isEmpty ? nil : String(word)
  }

  private static let secondsMax = 30

  /// What it wrote is not shown: it may hold the URL.
  private func failure(_ what: String) -> CommandFailure {
    CommandFailure(
      .failed, "LedgerCommandFailed",
      "The command \(words[0]) of --ledger-command \(what). Run it by hand to see why; it must end "
        + "with 0 and write the version as the first word of its output.")
  }
}
