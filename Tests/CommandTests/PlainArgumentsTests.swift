import ArgumentParser
import Testing

@testable import windlass

/// Command lines that are read without the argument parser, and those that are left to it.
@Suite struct PlainArgumentsTests {
  static let plain = [
    "--database sqlite:///a.db --path m",
    "--path m --database env:DB --json",
    "--database file:/url --path m/n --to 17 --phase contract --create --dry-run --foreign-keys",
    "--lock-budget 50ms --hold-budget 2s --lock-deadline 5m --database env:DB --path m",
    "--ledger-table versions --phase expand --database env:DB --path m --to 0",
  ]

  @Test(arguments: plain)
  func `what is read plainly is what the parser reads`(line: String) throws {
    let words = ["migrate"] + line.split(separator: " ").map(String.init)
    let command = try #require(try Windlass.parseAsRoot(words) as? MigrateCommand)
    #expect(PlainArguments.migrateOrder(words) == command.order)
  }

  @Test(arguments: [
    "", "--help", "--path m", "--database env:DB", "--database env:DB --path m --help",
    "--database=env:DB --path m", "--database env:DB --path m --path n",
    "--database env:DB --path m --create --create", "--database env:DB --path -m",
    "--database env:DB --path m --to later", "--database env:DB --path m --to -1",
    "--database env:DB --path m --phase never", "--database env:DB --path m --lock-budget soon",
    "--database env:DB --path", "--database env:DB --path m more", "--database env:DB --path m --",
    "--database env:DB --path m --unknown 3", "--database env:DB --path m --replica env:R",
  ])
  func `the parser looks at everything else`(line: String) {
    let words = ["migrate"] + line.split(separator: " ").map(String.init)
    #expect(PlainArguments.migrateOrder(words) == nil)
  }

  @Test func `an empty value and other commands are the parser's`() {
    let words = ["migrate", "--database", "env:DB", "--path", ""]
    #expect(PlainArguments.migrateOrder(words) == nil)
    #expect(PlainArguments.migrateOrder(["schema", "--database", "env:DB"]) == nil)
    #expect(PlainArguments.migrateOrder([]) == nil)
  }
}
