import Testing
import WindlassCore

@testable import PostgresDriver

struct PostgresURLTests {
  private func keywords(_ text: String) throws -> [String: String] {
    Dictionary(
      try PostgresURL(text).keywords.map { ($0.name, $0.value.reveal()) },
      uniquingKeysWith: { $1 })
  }

  @Test func `a URL becomes libpq's keywords, and golang-migrate's options stay here`() throws {
    let text =
      "postgres://ann:s%40crt@db.example:6432/shop?sslmode=require&x-migrations-table=log"
    #expect(
      try keywords(text) == [
        "user": "ann", "password": "s@crt", "host": "db.example", "port": "6432",
        "dbname": "shop", "sslmode": "require",
      ])
    let url = try PostgresURL(text)
    #expect(url.options == ["x-migrations-table": "log"])
    #expect(url.database == "shop")
  }

  @Test func `several hosts, an address in brackets and a socket's directory are understood`()
    throws
  {
    let several = try keywords("postgresql://a:1,[::1]:2/db")
    #expect(several["host"] == "a,::1")
    #expect(several["port"] == "1,2")
    #expect(try keywords("postgres://%2Frun%2Fpg/db")["host"] == "/run/pg")
    #expect(try keywords("postgres:///db?host=/run/pg&port=7")["host"] == "/run/pg")
  }

  @Test func `settings that other clients send go to the server, and the clients' own do not`()
    throws
  {
    let keywords = try keywords("postgres://h/db?search_path=a, b&pool_max_conns=4")
    #expect(keywords["options"] == "-c search_path=a,\\ b")
    #expect(keywords["pool_max_conns"] == nil)
  }

  @Test func `no text of a URL but the secret one holds the password`() throws {
    let url = try PostgresURL(
      "postgres://ann:topsecret@h:1/db?sslpassword=topsecret&sslmode=prefer")
    #expect(!"\(url.place) \(url.reference) \(url)".contains("topsecret"))
    #expect(url.place == "h:1/db")
    #expect(url.reference == "postgres://ann@h:1/db?sslmode=prefer")
    let again = try PostgresURL(url.secret.reveal())
    #expect(again == url)
    #expect(try PostgresURL(url.replacing(database: "other").secret.reveal()).database == "other")
  }

  @Test(arguments: [
    "mysql://h/db", "postgres://h", "postgres://h/%zz", "postgres://h/a%00",
    "postgres://h/db?a-b=1",
  ])
  func `a URL that can't be used is refused without being repeated`(text: String) {
    let failure = #expect(throws: StepFailure.self) { try PostgresURL(text) }
    #expect(failure?.code == "BadURL")
    #expect(failure?.message.contains(text) == false)
  }
}
