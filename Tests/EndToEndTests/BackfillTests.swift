import Foundation
import Glibc
import SQLiteDriver
import Testing
import WindlassCore
import WindlassWire

extension EndToEnd {
  /// A release with a backfill over many rows, under load, with its daemon killed in the middle.
  @Suite(.serialized) struct BackfillTests {
    private static let rows = 60_000

    /// Puts flags into the database as if the service had written them over the years.
    private static func fill(_ theatre: Theatre) throws {
      let connection = try SQLiteConnection(
        SQLiteOptions(path: theatre.database, access: .readWrite))
      try connection.execute(
        """
        WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < \(rows))
        INSERT INTO flags (key, name, rollout_percent)
        SELECT 'old-' || i, 'Flag ' || i, i % 101 FROM n
        """)
    }

    @Test func `a daemon that is killed in a backfill is followed by one that goes on from there`()
      async throws
    {
      try await Theatre.with { theatre in
        // It works for a hundredth of the time, so that there is a middle to be killed in.
        try theatre.configure(
          "inject: {env: BEACON_DB, format: url}",
          "inject: {env: BEACON_DB, format: url}\n    backfillShare: 1")
        try theatre.publish("1.0.0")
        #expect(try await theatre.once().status == 0)
        try Self.fill(theatre)
        let load = try theatre.load(rate: 100)
        try theatre.publish("1.1.0")
        let agent = try theatre.agent()
        try await theatre.wait("a backfill in the middle") { status in
          status["backfill"]?["rowsWalked"]?.integer ?? 0 > 0
        }
        let killed = await agent.end(by: SIGKILL)
        #expect(killed.wasKilled)
        let done = try theatre.rows("SELECT walked, cursor_key FROM windlass_backfill")
        #expect(done.count == 1)
        #expect(try theatre.rows("SELECT version FROM schema_migrations") == [[.integer(3)]])

        try theatre.configure("backfillShare: 1", "backfillShare: 100")
        let ended = try await theatre.once()
        #expect(ended.status == 0, "\(ended.errors)")
        #expect(
          try theatre.rows("SELECT version, dirty FROM schema_migrations") == [
            [.integer(5), .integer(0)]
          ])
        // Each flag has one share, and the one that it had before.
        #expect(
          try theatre.rows(
            """
            SELECT count(*), sum(r.percent = CAST(substr(r.flag_key, 5) AS INTEGER) % 101)
            FROM rollouts AS r WHERE r.flag_key LIKE 'old-%'
            """) == [[.integer(Int64(Self.rows)), .integer(Int64(Self.rows))]])
        #expect(try theatre.rows("SELECT count(*) FROM windlass_backfill") == [[.integer(0)]])
        #expect(
          try theatre.rows("SELECT version FROM windlass_migration_log ORDER BY version")
            == (1...5).map { [.integer($0)] })
        let account = try await theatre.account(load)
        #expect(account.total > 0)
        #expect(account.lost == 0, "\(account.report)")
      }
    }
  }
}
