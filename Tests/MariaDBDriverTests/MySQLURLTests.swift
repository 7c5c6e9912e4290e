import Testing
import WindlassCore

@testable import MariaDBDriver

/// How database URLs are read.
struct MySQLURLTests {
  private func address(_ url: String) throws -> MySQLAddress {
    try MySQLURL.address(of: Secret(url))
  }

  static let places: [(String, MySQLAddress.Place, MySQLAddress.Protection)] = [
    ("mysql://u:p@127.0.0.1:3307/db", .host("127.0.0.1", port: 3307), .none),
    ("mariadb://u@db.example/db", .host("db.example", port: 3306), .verified),
    ("mysql://u:p@tcp(db.example:1)/db?tls=skip-verify", .host("db.example", port: 1), .encrypted),
    ("mysql://u:p@unix(/run/my.sock)/db", .socket("/run/my.sock"), .none),
    ("mysql://u:p@/db?socket=/run/my.sock", .socket("/run/my.sock"), .none),
    ("mysql://u:p@[::1]:3306/db", .host("::1", port: 3306), .none),
    ("mysql://u:p@db.example/db?tls=false", .host("db.example", port: 3306), .none),
    ("mysql://u:p@h/db?tls=custom&x-tls-ca=%2Fca.pem", .host("h", port: 3306), .verified),
    ("mysql://u:p@localhost/db?x-tls-ca=/ca.pem", .host("localhost", port: 3306), .verified),
  ]

  @Test(arguments: places)
  func `a URL says where the server is and how it is reached`(
    url: String, place: MySQLAddress.Place, protection: MySQLAddress.Protection
  ) throws {
    let address = try address(url)
    #expect(address.place == place)
    #expect(address.protection == protection)
    #expect(address.user == "u" || url.contains("@/") || address.user == "u")
    #expect(address.database == "db")
  }

  @Test func `what golang-migrate's options say is kept`() throws {
    let address = try address("mysql://u:p@h/db?x-migrations-table=ledger&parseTime=true")
    #expect(address.ledgerTable == "ledger")
  }

  static let wrong = [
    "mysql://", "mysql://h", "mysql://h/", "mysql://u:s3cret@h:port/db", "mysql://u:s3cret%zz@h/db",
    "mysql://u:s3cr/et@h/db/e", "mysql://u:s3cret@h:99999/db", "postgres://u:s3cret@h/db",
    "mysql://u:s3cret?x@h/db",
  ]

  @Test(arguments: wrong)
  func `a wrong URL is refused without its password`(url: String) throws {
    let failure = #expect(throws: StepFailure.self) { try address(url) }
    #expect(failure?.code == "BadURL")
    #expect(failure?.message.contains("s3cr") == false)
  }

  @Test func `awkward passwords come out whole and are never printed`() throws {
    let awkward = "s3c:r@et/%?#&=+ '\"`\\\u{e4}"
    let url = "mysql://u:\(MySQLAddress.encoded(awkward))@h:3306/d%20b"
    let address = try address(url)
    #expect(address.password.reveal() == awkward)
    #expect(address.database == "d b")
    for text in ["\(address)", String(reflecting: address), address.name, address.publicURL] {
      #expect(!text.contains("s3c"))
    }
    #expect(try MySQLURL.address(of: Secret(address.publicURL)).place == address.place)
  }
}
