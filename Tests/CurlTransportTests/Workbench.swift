import Glibc

/// A directory of one test, and the programs that it runs; both are gone when the test ends.
final class Workbench {
  /// The directory.
  let path: String
  private var running: [pid_t] = []

  /// Makes an empty directory.
  init() throws {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(parent)/windlass-test-XXXXXX".utf8CString)
    let made = mkdtemp(&template) != nil
    path = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    try check(made, "mkdtemp")
  }

  deinit {
    for pid in running {
      kill(pid, SIGKILL)
      waitpid(pid, nil, 0)
    }
    for name in files { unlink("\(path)/\(name)") }
    rmdir(path)
  }

  /// The names of the files in the directory.
  var files: [String] {
    guard let directory = opendir(path) else { return [] }
    defer { closedir(directory) }
    var names: [String] = []
    while let entry = readdir(directory) {
      names.append(
        withUnsafePointer(to: &entry.pointee.d_name) { pointer in
          pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
        })
    }
    return names.filter { $0 != "." && $0 != ".." }
  }

  /// Writes a file.
  func write(_ text: String, to name: String) throws {
    guard let file = fopen("\(path)/\(name)", "w") else {
      throw TestFailure(step: "writing \(name)")
    }
    fputs(text, file)
    fclose(file)
  }

  /// Runs a program to its end in the directory; fails when it does.
  func run(_ arguments: [String]) throws {
    let pid = try spawn(arguments, output: "run.log")
    var status: Int32 = 0
    waitpid(pid, &status, 0)
    guard status == 0 else {
      let log = lines(of: "\(path)/run.log").joined(separator: "\n")
      throw TestFailure(step: "\(arguments.joined(separator: " ")): \(log)")
    }
  }

  /// Starts a program in the directory; it is killed with the workbench.
  @discardableResult
  func start(_ arguments: [String], output: String) throws -> pid_t {
    let pid = try spawn(arguments, output: output)
    running.append(pid)
    return pid
  }

  private func spawn(_ arguments: [String], output: String) throws -> pid_t {
    var actions = posix_spawn_file_actions_t()
    posix_spawn_file_actions_init(&actions)
    defer { posix_spawn_file_actions_destroy(&actions) }
    posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
    let log = "\(path)/\(output)"
    posix_spawn_file_actions_addopen(&actions, 1, log, O_WRONLY | O_CREAT | O_TRUNC, 0o600)
    posix_spawn_file_actions_adddup2(&actions, 1, 2)
    // The shell goes to the directory and becomes the program.
    let command = ["sh", "-c", "cd \"$0\" && exec \"$@\"", path] + arguments
    var pointers: [UnsafeMutablePointer<CChar>?] = command.map { strdup($0) } + [nil]
    defer { for pointer in pointers { free(pointer) } }
    var pid = pid_t()
    let code = posix_spawnp(&pid, command[0], &actions, nil, &pointers, environ)
    guard code == 0 else {
      throw TestFailure(step: "starting \(arguments[0]): \(String(cString: strerror(code)))")
    }
    return pid
  }
}
