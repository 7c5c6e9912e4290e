import Glibc

/// A program of this package as the build made it, beside the tests themselves.
struct BuiltProgram {
  /// How a program ended, and what it wrote.
  struct Ending {
    /// The exit status, or 128 and the signal.
    var status: Int32
    var output: [UInt8]
    var errors: [UInt8]

    var outputText: String { String(decoding: output, as: UTF8.self) }
    var errorText: String { String(decoding: errors, as: UTF8.self) }
  }

  let path: String

  /// The program of that name.
  init(_ name: String) { path = "\(BuiltProgram.directory)/\(name)" }

  /// A program of the system.
  init(installedAt path: String) { self.path = path }

  /// Where the build put tests and programs.
  static let directory: String = {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let length = readlink("/proc/self/exe", &buffer, buffer.count)
    let path = String(decoding: buffer.prefix(max(length, 0)), as: UTF8.self)
    return String(path[..<(path.lastIndex(of: "/") ?? path.endIndex)])
  }()

  /// Runs the program to its end, which takes seconds at most; its output goes through files.
  func run(
    _ arguments: [String], in directory: TemporaryDirectory, environment: [String: String] = [:]
  ) throws -> Ending {
    let (output, errors) = (directory.file("stdout"), directory.file("stderr"))
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    let flags = O_WRONLY | O_CREAT | O_TRUNC
    posix_spawn_file_actions_addopen(&actions, 1, output, flags, 0o600)
    posix_spawn_file_actions_addopen(&actions, 2, errors, flags, 0o600)
    let words = ([path] + arguments).map { strdup($0) } + [nil]
    let variables =
      (["PATH": "/usr/bin:/bin"].merging(environment) { $1 }).map { strdup("\($0)=\($1)") } + [nil]
    defer {
      for text in words + variables { free(text) }
    }
    var pid: pid_t = 0
    let code = posix_spawn(&pid, path, &actions, nil, words, variables)
    guard code == 0 else { throw Unstarted(path: path, reason: String(cString: strerror(code))) }
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0, errno == EINTR {}
    let signal = status & 0x7F
    return Ending(
      status: signal == 0 ? (status >> 8) & 0xFF : 128 + signal,
      output: try directory.contents(of: "stdout"), errors: try directory.contents(of: "stderr"))
  }

  /// A program that could not be started at all.
  struct Unstarted: Error {
    var path: String
    var reason: String
  }
}
