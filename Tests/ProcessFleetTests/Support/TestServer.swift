import Glibc
import Testing

/// The fixture server, compiled once per test run.
enum TestServer {
  /// Its executable.
  static let executable: Result<String, CompilerFailure> = compile()

  /// The C compiler said no.
  struct CompilerFailure: Error { var status: Int32 }

  private static func compile() -> Result<String, CompilerFailure> {
    let source = "\(#filePath)".split(separator: "/").dropLast(2).joined(separator: "/")
    // Beside the tests' own program; under a name of its own first, because several processes of
    // one test run may be here at the same time.
    let output = Programs.directory + "/fleet-testserver"
    let own = "\(output).\(getpid())"
    let status = Programs.run(
      "/usr/bin/cc", ["-std=c11", "-O1", "-o", own, "/\(source)/Fixtures/testserver.c"])
    guard status == 0, rename(own, output) == 0 else {
      return .failure(CompilerFailure(status: status))
    }
    return .success(output)
  }
}

/// Programs that tests run to their end.
enum Programs {
  /// Runs a program and returns its exit status, or -1 when it could not be run.
  @discardableResult
  static func run(_ path: String, _ arguments: [String]) -> Int32 {
    var pid: pid_t = 0
    var words = ([path] + arguments).map { strdup($0) }
    words.append(nil)
    defer { for word in words { free(word) } }
    guard posix_spawn(&pid, path, nil, nil, words, environ) == 0 else { return -1 }
    var status: Int32 = 0
    while waitpid(pid, &status, 0) < 0 && errno == EINTR {}
    return status & 0x7F == 0 ? (status >> 8) & 0xFF : -1
  }

  /// What makes a chosen system call of another program fail, or be its last.
  static let strace = "/usr/bin/strace"

  /// The windlass program that was built beside the tests.
  static var windlass: String { directory + "/windlass" }

  /// Where the tests' own program is.
  static var directory: String {
    var buffer = [CChar](repeating: 0, count: 4_096)
    let count = readlink("/proc/self/exe", &buffer, buffer.count)
    let path = String(
      decoding: buffer[..<max(0, count)].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    return "/" + path.split(separator: "/").dropLast().joined(separator: "/")
  }
}

/// Directories that go with the test run.
enum TemporaryDirectory {
  /// Makes a new directory.
  static func make() -> String {
    let parent = getenv("TMPDIR").map { String(cString: $0) } ?? "/tmp"
    var template = Array("\(parent)/windlass-fleet-XXXXXX".utf8CString)
    guard mkdtemp(&template) != nil else { return parent }
    return String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
  }
}

extension TemporaryDirectory {
  /// Removes a directory with everything in it.
  static func remove(_ directory: String) {
    Programs.run("/bin/sh", ["-c", "chmod -R u+w \(directory); rm -rf \(directory)"])
  }
}

/// Asks until the condition holds; false when that took longer than a minute.
func eventually(_ condition: () async throws -> Bool) async rethrows -> Bool {
  let deadline = ContinuousClock.now + .seconds(60)
  while ContinuousClock.now < deadline {
    if try await condition() { return true }
    // Not a guess at how long something takes: only a pause between two looks.
    try? await Task.sleep(for: .milliseconds(10))
  }
  return false
}
