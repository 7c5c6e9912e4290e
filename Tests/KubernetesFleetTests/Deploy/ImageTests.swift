import DeployedCluster
import Foundation
import Testing

/// What the image holds is what the program needs.
struct ImageTests {
  private static let repository = DeployedDocument.root.deletingLastPathComponent()

  /// The program: the release build, or else the one that the tests were built with.
  private static let program: String? = ["dist/windlass", ".build/debug/windlass"]
    .map { repository.appending(path: $0).path }.first { access($0, X_OK) == 0 }

  private static func text(_ path: String) throws -> String {
    try String(contentsOf: repository.appending(path: path), encoding: .utf8)
  }

  private static func packages() throws -> Set<String> {
    Set(
      try text("deploy/image/packages.txt").split(separator: "\n").map(String.init)
        .filter { !$0.hasPrefix("#") })
  }

  private static func run(_ words: String...) throws -> String {
    let process = Process()
    let pipe = Pipe()
    process.executableURL = URL(fileURLWithPath: "/usr/bin/env")
    process.arguments = words
    process.standardOutput = pipe
    try process.run()
    let bytes = pipe.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    return String(decoding: bytes, as: UTF8.self)
  }

  /// The shared libraries that the program is linked with or loads by name, without those that come
  /// with the compiler: a release build brings them along.
  private static func libraries(of program: String) throws -> Set<String> {
    let linked = try run("ldd", program).split(separator: "\n").compactMap { line -> String? in
      let words = line.split(separator: " ").map(String.init)
      guard words.count > 2, words[1] == "=>", words[2].contains("/lib/x86_64-linux-gnu/") else {
        return nil
      }
      return words[0].trimmingCharacters(in: .whitespaces)
    }
    let loaded = try [
      "Sources/CArchive/LazyArchive.c", "Sources/CCurl/LazyCurl.c",
      "Sources/PostgresDriver/Connection/PostgresLibrary.swift",
      "Sources/MariaDBDriver/ClientLibrary.swift",
    ].flatMap { path in
      try text(path).matches(of: /"(lib[a-z]+\.so\.[0-9]+)"/).map { String($0.1) }
    }
    #expect(loaded.count == 5)
    return Set(linked + loaded)
  }

  /// What every Debian has.
  private static let always: Set<String> = ["libc6", "libgcc-s1", "libstdc++6"]

  @Test(
    .enabled(
      if: program != nil && access("/usr/bin/dpkg", X_OK) == 0,
      "there is no program to look at, or this is no Debian"))
  func `each library that the program needs comes with a package of the image, and no other`()
    throws
  {
    let libraries = try Self.libraries(of: try #require(Self.program))
    var needed: Set<String> = []
    for library in libraries {
      let answer = try Self.run("dpkg", "-S", "*/\(library)")
      let package = try #require(
        answer.split(separator: ":").first, "no package has \(library)")
      needed.insert(String(package))
    }
    needed.subtract(Self.always)
    let listed = try Self.packages()
    #expect(needed.subtracting(listed).sorted() == [], "deploy/image/packages.txt lacks these")
    let kept = listed.filter { $0.hasPrefix("lib") }
    #expect(kept.subtracting(needed).sorted() == [], "nothing needs these packages")
  }

  @Test(
    .enabled(if: access("/usr/bin/dpkg", X_OK) == 0, "this is no Debian"),
    arguments: ["pg_dump", "pg_restore", "mariadb-dump"])
  func `each program by which a database is backed up comes with a package of the image`(
    name: String
  ) throws {
    let listed = try Self.packages()
    let answer = try Self.run("dpkg", "-S", "*/bin/\(name)")
    guard !answer.isEmpty else { return }
    let owners = answer.split(separator: "\n").compactMap { $0.split(separator: ":").first }
    #expect(owners.contains { listed.contains(String($0)) }, "\(name) is in \(owners)")
  }

  @Test func `the image runs as nobody in particular`() throws {
    let lines = try Self.text("deploy/image/Containerfile").split(separator: "\n")
    #expect(lines.contains("USER 65532:65532"))
    #expect(lines.contains("ENTRYPOINT [\"/usr/bin/windlass\"]"))
    #expect(lines.contains { $0.hasPrefix("ARG BASE=docker.io/library/debian:12-slim") })
    #expect(!lines.contains { $0.hasPrefix("ADD ") || $0.contains("curl ") })
  }
}
