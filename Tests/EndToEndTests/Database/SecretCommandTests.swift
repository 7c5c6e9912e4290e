import CMariaDB
import Glibc
import PostgresDriver
import Testing
import WindlassCore

@testable import windlass

/// Where an awkward password must not be while Windlass works with it: in no output, no command
/// line or environment of a child, no file of ours, no core.
@Suite(.serialized)
struct SecretCommandTests {
  private static let secret = "c4n#a@r%y:/?&=+ s'e\"c\\r*e(t)$é密zZ9"
  private let directory: TemporaryDirectory

  init() throws {
    directory = try TemporaryDirectory()
    _ = try directory.directory("m")
    _ = try directory.write("CREATE TABLE a (b int primary key);", to: "m/1_a.up.sql")
    _ = try directory.write("INSERT INTO a VALUES (1);", to: "m/2_b.up.sql")
  }

  @Test(arguments: [ServerEngine.postgres, .mysql], ["env", "file"])
  func `no child, output or file holds an awkward password`(
    engine: ServerEngine, source: String
  ) async throws {
    // A server of its own, since the user of the shared one can't make another.
    let server = try await PrivateServer.start(engine, databases: ["canary"])
    do {
      try await check(engine, source, server.url(of: "canary"))
    } catch {
      await server.stop()
      throw error
    }
    await server.stop()
  }

  private func check(_ engine: ServerEngine, _ source: String, _ given: String) async throws {
    try Self.changePassword(engine, given)
    let url = given.replacing(
      try Regex("//([^:]*):[^@]*@"),
      with: { "//\($0.output[1].substring ?? ""):\(Percent.encoded(Self.secret))@" })
    var environment: [String: String] = [:]
    var reference = "env:DB"
    if source == "env" {
      environment["DB"] = url
    } else {
      reference = "file:" + (try directory.write("\(url)\n", to: "url"))
    }
    let database = ["--database", reference]
    var watch = ChildWatch(secret: Self.secret)
    let backups = try directory.directory("backups")
    var commands = [
      ["migrate", "--path", directory.file("m")], ["schema", "--json"], ["gate", "--schema", "=2"],
      ["gate", "--schema", "=1", "--json"],
    ]
    // The programs that dump live shortly; one of several backups is seen at work.
    commands += Array(repeating: ["backup", "--directory", backups], count: 12)
    for command in commands where !(command[0] == "backup" && watch.hasSeenDump) {
      let program = try Program("windlass", command + database, environment: environment)
      while program.isRunning { watch.look(below: program.pid) }
      let ended = await program.end()
      let isWrong = command.contains("=1")
      #expect(ended.status == (isWrong ? 5 : 0), "\(command): \(ended.text)")
      #expect(watch.piece(in: ended.text) == nil, "\(command): \(ended.text)")
    }
    #expect(watch.hasSeenDump, "no backup's child was seen")
    #expect(watch.leaks == [])
    unlink(directory.file("url"))
    for file in Self.files(below: directory.path) {
      let bytes = (try? TextFile.read(file, sizeMax: 64 << 20)) ?? []
      #expect(watch.piece(in: String(decoding: bytes, as: UTF8.self)) == nil, "\(file)")
    }
  }

  @Test func `a process that holds secrets leaves no core`() async throws {
    let words = ["gate", "--database", "env:DB", "--schema", ">=1", "--wait", "5m"]
    let environment = ["DB": "postgres://canary:x@127.0.0.1:1/db"]
    // The files of a process without a core belong to root, whoever runs it.
    let program =
      getuid() == 0
      ? try Program(
        "/usr/bin/setpriv",
        ["--reuid=65534", "--regid=65534", "--clear-groups", Program.path("windlass")] + words,
        environment: environment)
      : try Program("windlass", words, environment: environment)
    let deadline = ContinuousClock.now + .seconds(60)
    var owner: uid_t?
    while owner != 0, ContinuousClock.now < deadline, program.isRunning {
      var status = stat()
      let isWindlass =
        (try? TextFile.read("/proc/\(program.pid)/comm", sizeMax: 64)) == Array("windlass\n".utf8)
      if isWindlass, stat("/proc/\(program.pid)/environ", &status) == 0 { owner = status.st_uid }
      usleep(1_000)
    }
    #expect(owner == 0, "\(program.text)")
    program.send(SIGKILL)
  }

  private static func changePassword(_ engine: ServerEngine, _ url: String) throws {
    let quoted = secret.replacing("'", with: "''")
    switch engine {
    case .postgres:
      let connection = try PostgresConnection(PostgresOptions(url: PostgresURL(url)))
      try connection.run(script: "ALTER ROLE CURRENT_USER PASSWORD '\(quoted)'")
    case .mysql:
      let address = url.split { ":/@?=".contains($0) }.map(String.init)
      let socket = String(url.drop { $0 != "=" }.dropFirst())
      let connection = try #require(mysql_init(nil))
      defer { mysql_close(connection) }
      mysql_options(connection, MYSQL_SET_CHARSET_NAME, "utf8mb4")
      try #require(
        mysql_real_connect(connection, nil, address[1], address[2], "canary", 0, socket, 0) != nil)
      let password = quoted.replacing("\\", with: "\\\\")
      try #require(
        mysql_query(connection, "SET PASSWORD = PASSWORD('\(password)')") == 0,
        "\(String(cString: mysql_error(connection)))")
    }
  }

  private static func files(below directory: String) -> [String] {
    guard let handle = opendir(directory) else { return [] }
    defer { closedir(handle) }
    var found: [String] = []
    while let entry = readdir(handle) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard name != ".", name != ".." else { continue }
      let path = "\(directory)/\(name)"
      found += entry.pointee.d_type == UInt8(DT_DIR) ? files(below: path) : [path]
    }
    return found
  }
}

/// A password as a URL wants it.
private enum Percent {
  static func encoded(_ text: String) -> String {
    text.utf8.map { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A: String(UnicodeScalar(byte))
      default: "%" + (byte < 16 ? "0" : "") + String(byte, radix: 16, uppercase: true)
      }
    }.joined()
  }
}

/// Looks at the command lines and environments of everything that a process starts.
private struct ChildWatch {
  private let pieces: [String]
  private(set) var leaks: Set<String> = []
  /// Whether one of the engines' own dump programs was seen.
  private(set) var hasSeenDump = false

  init(secret: String) {
    pieces = [secret, Percent.encoded(secret)].flatMap { text in
      let characters = Array(text)
      return (0...characters.count - 6).map { String(characters[$0..<$0 + 6]) }
    }
  }

  /// The first piece of the password that a text holds.
  func piece(in text: String) -> String? { pieces.first { text.contains($0) } }

  /// Looks once at all that descends from the process.
  mutating func look(below root: pid_t) {
    var parents: [pid_t: pid_t] = [:]
    guard let handle = opendir("/proc") else { return }
    defer { closedir(handle) }
    while let entry = readdir(handle) {
      let name = withUnsafePointer(to: &entry.pointee.d_name) {
        $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
      }
      guard let pid = pid_t(name) else { continue }
      let words = text("/proc/\(pid)/stat").split(separator: ")").last?.split(separator: " ") ?? []
      if words.count > 1 { parents[pid] = pid_t(words[1]) }
    }
    for pid in parents.keys where pid != root && isBelow(root, pid, parents) {
      let command = text("/proc/\(pid)/cmdline")
      if command.contains("dump") { hasSeenDump = true }
      // Between fork and exec a child shows its parent's environment, where the caller put it.
      guard !command.hasPrefix(Program.path("windlass")) else { continue }
      for shown in [command, text("/proc/\(pid)/environ")] where piece(in: shown) != nil {
        leaks.insert(shown)
      }
    }
  }

  private func isBelow(_ root: pid_t, _ pid: pid_t, _ parents: [pid_t: pid_t]) -> Bool {
    var next = parents[pid]
    while let parent = next, parent > 1 {
      if parent == root { return true }
      next = parents[parent]
    }
    return false
  }

  private func text(_ path: String) -> String {
    String(decoding: (try? TextFile.read(path, sizeMax: 1 << 20)) ?? [], as: UTF8.self)
  }
}
