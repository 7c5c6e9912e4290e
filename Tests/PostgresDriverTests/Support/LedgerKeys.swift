import WindlassCore

@testable import PostgresDriver

/// The keys of a test's ledger.
enum LedgerKeys {
  private static func place(_ world: PostgresWorld) throws -> LedgerPlace {
    try PostgresLedger().located(on: world.connection())
  }

  /// Every advisory key, ascending.
  static func all(of world: PostgresWorld) throws -> [Int64] { try place(world).keys }

  /// One of the keys that are rows of a table.
  static func row(of world: PostgresWorld) throws -> Int64 { try place(world).rowKeys[0] }
}
