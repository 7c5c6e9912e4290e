import Foundation
import PostgresDriver
import Synchronization
import WindlassCore

/// Moments in the past, backups and databases of the stand-in, made with PostgreSQL's snapshots and
/// archives.
final class StandInBackups {
  private let owner: CockroachStandIn
  /// The database that the client named.
  private let database: String
  /// Sessions that keep the snapshots of moments alive.
  private var holders: [PostgresConnection] = []

  init(_ owner: CockroachStandIn, database: String) {
    self.owner = owner
    self.database = database
  }

  /// The answer to a statement of these; nil for all others.
  func answer(to text: String) -> String? {
    do {
      return try knownAnswer(to: text)
    } catch {
      return CockroachStandIn.raise("XXUUU", "\(error)")
    }
  }

  private func knownAnswer(to text: String) throws -> String? {
    if text.contains("cluster_logical_timestamp()") { return "SELECT '\(try moment())'" }
    if let match = text.firstMatch(of: /, AS OF SYSTEM TIME '([^']+)'/), text.hasPrefix("BEGIN") {
      return text.replacing("SERIALIZABLE", with: "REPEATABLE READ").replacing(
        match.output.0, with: "; SET TRANSACTION SNAPSHOT '\(snapshot(String(match.output.1)))'")
    }
    if let match = text.wholeMatch(
      of: /BACKUP DATABASE "(\w+)" INTO '([^']+)' AS OF SYSTEM TIME '([^']+)'/)
    {
      try dump(String(match.output.1), to: String(match.output.2), String(match.output.3))
      return "SELECT 1::bigint AS job_id, 'succeeded' AS status"
    }
    if let match = text.wholeMatch(of: /SHOW BACKUPS IN '([^']+)'/) {
      let names = try FileManager.default.contentsOfDirectory(
        atPath: folder(String(match.output.1))
      ).sorted()
      return "SELECT path FROM unnest('{\(names.joined(separator: ","))}'::text[]) path"
    }
    if let match = text.wholeMatch(of: /SHOW BACKUP FROM '([^']+)' IN '([^']+)' WITH check_files/) {
      let path = "\(folder(String(match.output.2)))/\(match.output.1)"
      guard FileManager.default.fileExists(atPath: path) else {
        return CockroachStandIn.raise("XXUUU", "a file of the backup is missing")
      }
      return "SELECT 'd' AS database_name, 'public' AS parent_schema_name, 'all' AS object_name,"
        + " 'table' AS object_type"
    }
    if let match = text.wholeMatch(
      of: /RESTORE DATABASE "\w+" FROM '([^']+)' IN '([^']+)' WITH new_db_name = '(\w+)'/)
    {
      try restore(
        "\(folder(String(match.output.2)))/\(match.output.1)", as: String(match.output.3))
      return "SELECT 1::bigint AS job_id, 'succeeded' AS status"
    }
    if let match = text.wholeMatch(of: /ALTER DATABASE "?(\w+)"? RENAME TO .*/) {
      // There sessions outlive a name; here nobody may be in a database that gets another one.
      try maintenance().run(
        script: "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
          + " WHERE datname = '\(match.output.1)'")
      return text
    }
    return text.hasPrefix("DROP DATABASE") ? text.replacing(" CASCADE", with: " WITH (FORCE)") : nil
  }

  // MARK: Moments

  private func moment() throws -> String {
    let holder = try PostgresConnection(
      PostgresOptions(
        url: PostgresURL(owner.server.url(database)), statementTimeout: .zero, idleTimeout: .zero))
    try holder.run(script: "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    let id = try holder.scalar("SELECT pg_export_snapshot()")
    holders.append(holder)
    let moment = "\(UInt64.random(in: 1_000_000_000...9_999_999_999)).0000000001"
    if case .text(let name) = id { owner.state.withLock { $0.snapshots[moment] = name } }
    return moment
  }

  private func snapshot(_ moment: String) -> String {
    owner.state.withLock { $0.snapshots[moment] ?? "no such moment" }
  }

  // MARK: Archives

  private func folder(_ uri: String) -> String {
    let name = uri.replacing("://", with: "-").replacing("/", with: "-")
    return "\(owner.directory)/\(name)"
  }

  private func maintenance() throws -> PostgresConnection {
    try PostgresConnection(PostgresOptions(url: PostgresURL(owner.server.url("postgres"))))
  }

  private func dump(_ database: String, to uri: String, _ moment: String) throws {
    let folder = folder(uri)
    try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    let count = try FileManager.default.contentsOfDirectory(atPath: folder).count
    try run(
      "pg_dump",
      [
        "--dbname=\(owner.server.url(database))", "--format=custom",
        "--snapshot=\(snapshot(moment))", "--file=\(folder)/2026-\(count)",
      ])
  }

  private func restore(_ path: String, as name: String) throws {
    try maintenance().run(script: "CREATE DATABASE \(name) TEMPLATE template0")
    do {
      try run("pg_restore", ["--dbname=\(owner.server.url(name))", "--exit-on-error", path])
    } catch {
      // As a job of RESTORE that fails leaves nothing.
      try maintenance().run(script: "DROP DATABASE \(name)")
      throw error
    }
  }

  private func run(_ program: String, _ words: [String]) throws {
    let process = Process()
    let versions = try FileManager.default.contentsOfDirectory(atPath: "/usr/lib/postgresql")
    let version = versions.max { (Int($0) ?? 0) < (Int($1) ?? 0) } ?? ""
    let named = ProcessInfo.processInfo.environment["WINDLASS_CLIENT_PROGRAMS"] ?? ""
    let folder = named.isEmpty ? "/usr/lib/postgresql/\(version)/bin" : named
    process.executableURL = URL(filePath: "\(folder)/\(program)")
    process.arguments = words
    let errors = Pipe()
    process.standardError = errors
    try process.run()
    let text = errors.fileHandleForReading.readDataToEndOfFile()
    process.waitUntilExit()
    guard process.terminationStatus == 0 else {
      throw StandInFailure(text: String(decoding: text.prefix(300), as: UTF8.self))
    }
  }
}

/// What one of PostgreSQL's programs complained of.
private struct StandInFailure: Error, CustomStringConvertible {
  let text: String
  var description: String { text.split(separator: "\n").first.map(String.init) ?? "" }
}
