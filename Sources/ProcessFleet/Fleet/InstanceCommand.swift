import Glibc
import WindlassCore

/// A release's command with everything put in, its program opened and verified.
struct InstanceCommand: Sendable {
  /// The program, verified where it is of the artifact.
  var executable: Descriptor
  /// All words, the program first.
  var arguments: [String]
  /// The working directory: the artifact, or the root without one.
  var directory: String
  /// Whether an interpreter has to open the program again.
  var isScript: Bool

  private static let placeholder = "{artifact}"

  /// Resolves a command for a release.
  ///
  /// A program of the artifact is verified through the descriptor that is executed; any other one
  /// is the machine's own and is named by an absolute path.
  static func resolve(
    _ command: [String], for release: Release, artifacts: ArtifactDirectory
  ) async throws(StepFailure) -> InstanceCommand {
    guard let program = command.first else {
      throw refusal("The service's command is empty; write the program first.")
    }
    guard let artifact = release.artifact else {
      guard !command.contains(where: { $0.contains(placeholder) }) else {
        throw refusal(
          "Release \(release.version) has no archive, and the service's command needs one "
            + "(\(placeholder)). Publish an archive with it.")
      }
      return InstanceCommand(executable: try open(program), arguments: command, directory: "/")
    }
    let directory = artifacts.directory(of: artifact)
    let prefix = placeholder + "/"
    let executable =
      program.hasPrefix(prefix)
      ? try await artifacts.open(String(program.dropFirst(prefix.count)), of: artifact)
      : try open(program)
    let arguments = command.map { word in
      word.split(separator: placeholder, omittingEmptySubsequences: false)
        .joined(separator: directory)
    }
    return InstanceCommand(executable: executable, arguments: arguments, directory: directory)
  }

  private init(executable: Descriptor, arguments: [String], directory: String) {
    var start = [UInt8](repeating: 0, count: 2)
    let count = pread(executable.number, &start, 2, 0)
    self.executable = executable
    self.arguments = arguments
    self.directory = directory
    isScript = count == 2 && start == Array("#!".utf8)
  }

  private static func open(_ program: String) throws(StepFailure) -> Descriptor {
    guard program.hasPrefix("/") else {
      throw refusal(
        "The program \"\(program)\" is neither in the artifact nor an absolute path. Write "
          + "\"\(placeholder)/PROGRAM\" or a path from the root.")
    }
    do throws(SystemError) {
      return try Descriptor.checked(Glibc.open(program, O_RDONLY | O_CLOEXEC), "open", program)
    } catch {
      throw error.failure(
        code: "BadCommand", next: "name a program that is there and readable", isPermanent: true)
    }
  }

  private static func refusal(_ message: String) -> StepFailure {
    StepFailure(code: "BadCommand", disposition: .stop, message: message)
  }
}
