import ArgumentParser
import Foundation
import MariaDBDriver
import PostgresDriver
import Testing
import WindlassCore
import WindlassSchema

@testable import windlass

/// From a configuration with roles to the users by whom each piece of work is done.
struct RoleTargetsTests {
  /// The roles' targets for URLs that lie in files, as people are told to keep them.
  private func targets(main: String, _ urls: [DatabaseRole: String]) throws -> RoleTargets {
    let folder = FileManager.default.temporaryDirectory
      .appending(path: "windlass-roles-\(UUID().uuidString)")
    try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
    defer { try? FileManager.default.removeItem(at: folder) }
    var fields: [String] = []
    for (role, url) in urls {
      let file = folder.appending(path: role.rawValue)
      try "\(url)\n".write(to: file, atomically: true, encoding: .utf8)
      fields.append("\(role.rawValue): {urlFrom: {file: \(file.path)}}")
    }
    let text = ConfigurationDocuments.minimal.replacing(
      "urlFrom: {env: BEACON_DB}",
      with: "urlFrom: {env: BEACON_DB}\n    roles: {\(fields.sorted().joined(separator: ", "))}")
    let services = try ConfigurationFile.parse(text, file: "service.yaml")
    let service = try #require(services.first)
    #expect(Set(service.database.roles.keys) == Set(urls.keys))
    return try RoleTargets(service, main: Secret(main))
  }

  private static let main = "postgres://app:secret-0@db:5432/shop?x-migrations-table=ledger"

  private func url(_ user: String) -> String {
    Self.main.replacing("app:secret-0", with: "\(user):secret-1")
  }

  @Test func `each role does its work on PostgreSQL as its own user`() throws {
    let targets = try targets(
      main: Self.main,
      [.backup: url("backup"), .migrate: url("migrate"), .probe: url("probe")])
    guard case .postgres(let main) = targets.main else { throw CancellationError() }
    let archive = try targets.postgresBackups(
      main, directory: "/b", scratch: Secret("postgres://scratch:secret-2@db/postgres"))
    let steps = targets.postgres(main, archive)
    #expect(main.url.user == "app" && main.url.role == .main)
    #expect(steps.url.user == "migrate" && steps.url.role == .migrate)
    #expect(steps.probe?.user == "probe" && steps.probe?.role == .probe)
    #expect(archive.url.user == "backup" && archive.url.role == .backup)
    #expect(archive.scratch?.user == "scratch" && archive.scratch?.role == .scratch)
    #expect(steps.backups == archive && archive.ledger.table == "ledger")
  }

  @Test func `the main URL stands for the roles that are absent`() throws {
    let targets = try targets(main: Self.main, [.probe: url("probe")])
    guard case .postgres(let main) = targets.main else { throw CancellationError() }
    let archive = try targets.postgresBackups(main, directory: "/b", scratch: nil)
    let steps = targets.postgres(main, archive)
    #expect(steps.url == main.url && archive.url == main.url && archive.scratch == nil)
    #expect(steps.probe?.user == "probe")
  }

  @Test func `each role does its work on MySQL as its own user`() throws {
    let mysql = "mysql://app:secret-0@db:3306/shop"
    let targets = try targets(
      main: mysql,
      [
        .backup: mysql.replacing("app:", with: "backup:"),
        .migrate: mysql.replacing("app:", with: "migrate:"),
        .probe: mysql.replacing("app:", with: "probe:"),
      ])
    guard case .mysql(let main) = targets.main else { throw CancellationError() }
    let (steps, backups) = targets.mysql(main)
    #expect(steps.address.user == "migrate" && steps.probe?.user == "probe")
    #expect(backups.address.user == "backup" && steps.backup == backups.address)
    // A rehearsed server is told its copy in the form in which the service is told its database.
    #expect(backups.service?.user == "app")
  }

  @Test(arguments: [
    ("sqlite:///data.db", "sqlite:///data.db", "SQLite has no users"),
    (main, "mysql://u:secret-1@db/shop", "another engine"),
    (main, "cockroachdb://u:secret-1@db/shop?x-migrations-table=ledger", "another engine"),
    (main, "postgres://u:secret-1@db/other?x-migrations-table=ledger", "another database"),
    (main, "postgres://u:secret-1@db/shop", "another ledger"),
    ("mysql://app:secret-0@db/shop", "mysql://u:secret-1@db/shop2", "another database"),
    (
      "mysql://app:secret-0@db/shop", "mysql://u:secret-1@db/shop?x-migrations-table=m",
      "another ledger"
    ),
  ])
  func `a role that would work elsewhere is refused, and nothing of its URL is shown`(
    main: String, other: String, reason: String
  ) throws {
    let failure = try #require(throws: CommandFailure.self) {
      _ = try targets(main: main, [.migrate: other])
    }
    #expect(failure.status == .usage && failure.code == "BadConfiguration")
    #expect(failure.message.contains("spec.database.roles.migrate"))
    #expect(failure.message.contains(reason), "\(failure.message)")
    #expect(!failure.message.contains("secret"))
  }

  /// The targets of a configuration whose replica's URL is in a file.
  private func watching(_ replica: String, main: String) throws -> RoleTargets {
    let folder = try TemporaryFolder()
    let file = folder.path + "/replica"
    try "\(replica)\n".write(toFile: file, atomically: true, encoding: .utf8)
    let text = ConfigurationDocuments.minimal.replacing(
      "urlFrom: {env: BEACON_DB}",
      with: "urlFrom: {env: BEACON_DB}\n    replicas: [{urlFrom: {file: \(file)}}]")
    let service = try #require(try ConfigurationFile.parse(text, file: "service.yaml").first)
    #expect(service.database.replicas == [.file(file)])
    return try RoleTargets(service, main: Secret(main))
  }

  @Test func `backfills on MySQL wait for the replicas that the configuration names`() throws {
    let targets = try watching(
      "mysql://lag:secret-1@db-2:3307/information_schema", main: "mysql://app:secret-0@db/shop")
    guard case .mysql(let main) = targets.main else { throw CancellationError() }
    let steps = targets.mysql(main).steps
    #expect(steps.replicas.map(\.place) == [.host("db-2", port: 3_307)])
    #expect(steps.replicas.map(\.user) == ["lag"])
  }

  @Test(arguments: [
    ("mysql://lag:secret-1@db-2/shop", "postgres://app:secret-0@db/shop", "Leave it out"),
    ("mysql://lag:secret-1@db-2/shop", "sqlite:///srv/shop.db", "SQLite has no replicas"),
    ("postgres://lag:secret-1@db-2/shop", "mysql://app:secret-0@db/shop", "mysql://"),
  ])
  func `replicas that can't be asked are refused by their field`(
    replica: String, main: String, part: String
  ) throws {
    let failure = try #require(throws: CommandFailure.self) {
      try watching(replica, main: main)
    }
    #expect(failure.status == .usage && failure.code == "BadReplica")
    #expect(failure.message.contains("spec.database.replicas of beacon"))
    #expect(failure.message.contains(part))
    #expect(!failure.message.contains("secret"))
  }

  @Test func `replicas are named on the command line as databases are`() throws {
    let words = [
      "migrate", "--database", "env:DB", "--path", "m", "--replica", "env:R", "--replica",
      "file:/s",
    ]
    let command = try #require(try Windlass.parseAsRoot(words) as? MigrateCommand)
    #expect(
      command.order.replicas
        == [DatabaseReference(argument: "env:R"), DatabaseReference(argument: "file:/s")])
  }
}
