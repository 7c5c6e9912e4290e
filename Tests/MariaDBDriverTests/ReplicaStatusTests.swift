import Testing
import WindlassCore
import WindlassSchema

@testable import MariaDBDriver

/// What a replica says about itself, and whether a backfill waits for it.
struct ReplicaStatusTests {
  private static let mariaDB = PrimaryIdentity(id: 1, uuid: nil)
  private static let mySQL = PrimaryIdentity(id: 1, uuid: "u-1")

  private static func source(
    id: Int64? = 1, uuid: String? = nil, behind: Int64? = 0, halt: String = ""
  ) -> ReplicaStatus.Source {
    ReplicaStatus.Source(
      place: "db-1:3306", id: id, uuid: uuid, behind: behind.map { .seconds($0) }, halt: halt)
  }

  private static func status(
    _ sources: ReplicaStatus.Source..., uuid: String? = nil, id: Int64 = 2
  ) -> ReplicaStatus {
    ReplicaStatus(own: PrimaryIdentity(id: id, uuid: uuid), sources: sources)
  }

  struct Row: CustomTestStringConvertible {
    var name: String
    var status: ReplicaStatus
    var primary = ReplicaStatusTests.mariaDB
    var standing: ReplicaSight.Standing

    var testDescription: String { name }
  }

  static let rows: [Row] = [
    Row(name: "keeping pace", status: status(source()), standing: .behind(.zero)),
    Row(
      name: "behind", status: status(source(behind: 7)), standing: .behind(.seconds(7))),
    Row(
      name: "stopped",
      status: status(source(behind: nil, halt: "Slave_SQL_Running is No")),
      standing: .stopped("Slave_SQL_Running is No")),
    Row(
      name: "stopped without a word", status: status(source(behind: nil)),
      standing: .stopped("it does not say how far it is behind")),
    Row(
      name: "one that has not reached its primary yet, whatever it says",
      status: status(source(id: nil, behind: 0, halt: "Slave_IO_Running is Connecting")),
      standing: .stopped("Slave_IO_Running is Connecting")),
    Row(
      name: "of several primaries the right one counts",
      status: status(source(id: nil, behind: 3), source(id: 9, behind: 99), source(behind: 4)),
      standing: .behind(.seconds(4))),
    Row(
      name: "MySQL: by its name", status: status(source(uuid: "u-1", behind: 6), uuid: "u-2"),
      primary: mySQL, standing: .behind(.seconds(6))),
    Row(
      name: "MySQL: by its number until it was reached",
      status: status(source(behind: 6), uuid: "u-2"), primary: mySQL,
      standing: .behind(.seconds(6))),
  ]

  @Test(arguments: rows)
  func `a replica of the primary is judged by what it says`(row: Row) throws {
    #expect(
      try ReplicaSight("db-2:3306", row.status, of: row.primary)
        == ReplicaSight("db-2:3306", row.standing))
  }

  struct Unfit: CustomTestStringConvertible {
    var name: String
    var status: ReplicaStatus
    var primary = ReplicaStatusTests.mariaDB
    var part: String

    var testDescription: String { name }
  }

  static let unfit: [Unfit] = [
    Unfit(name: "the primary", status: status(id: 1), part: "is the primary itself"),
    Unfit(
      name: "one with its number", status: status(source(), id: 1), part: "has its server_id 1"),
    Unfit(
      name: "MySQL: the primary under another number",
      status: status(source(uuid: "u-1"), uuid: "u-1"), primary: mySQL,
      part: "is the primary itself"),
    Unfit(name: "a server by itself", status: status(), part: "replicates from nobody"),
    Unfit(
      name: "somebody else's", status: status(source(id: 9)),
      part: "replicates from db-1:3306 (server_id 9), and not from the primary"),
    Unfit(
      name: "MySQL: somebody else's with the same number",
      status: status(source(uuid: "u-9"), uuid: "u-2"), primary: mySQL,
      part: "and not from the primary, whose server_id is 1"),
  ]

  @Test(arguments: unfit)
  func `what is no replica of the primary is refused by name`(row: Unfit) {
    let failure = #expect(throws: StepFailure.self) {
      try ReplicaSight("db-2:3306", row.status, of: row.primary)
    }
    #expect(failure?.code == "ReplicaUnfit" && failure?.disposition == .stop)
    #expect(failure?.message.contains("db-2:3306") == true)
    #expect(failure?.message.contains(row.part) == true, "\(failure?.message ?? "")")
  }

  @Test(
    arguments: [
      ([], nil), ([ReplicaSight("a", .behind(.seconds(5)))], nil),
      (
        [ReplicaSight("a", .behind(.seconds(5))), ReplicaSight("b", .behind(.seconds(6)))],
        "the replica b is 6s behind, 5s are allowed"
      ),
      (
        [ReplicaSight("a", .behind(.seconds(90))), ReplicaSight("b", .behind(.seconds(6)))],
        "the replica a is 90s behind, 5s are allowed"
      ),
      (
        [
          ReplicaSight("a", .stopped("Slave_SQL_Running is No")),
          ReplicaSight("b", .silent("gone.")),
          ReplicaSight("c", .behind(.hours(900))),
        ], "the replica a has stopped (Slave_SQL_Running is No)"
      ),
      (
        [ReplicaSight("b", .silent("gone.")), ReplicaSight("c", .behind(.hours(900)))],
        "nobody knows how far the replica b is behind: gone."
      ),
    ] as [([ReplicaSight], String?)])
  func `a backfill waits for the worst one, and says which`(
    sights: [ReplicaSight], reason: String?
  ) {
    #expect(ReplicaSight.reason(sights) == reason)
  }

  @Test func `MariaDB's row is read, and no words of an error`() {
    let row = SQLRow(
      columns: [
        "Connection_name", "Slave_IO_State", "Master_Host", "Master_Port", "Slave_IO_Running",
        "Slave_SQL_Running", "Last_SQL_Errno", "Last_SQL_Error", "Seconds_Behind_Master",
        "Master_Server_Id",
      ],
      values: [
        .text(""), .text("Waiting"), .text("db-1"), .integer(3_307), .text("Yes"), .text("No"),
        .integer(1_062), .text("Duplicate entry 'alice@example' for key"), .null, .integer(1),
      ])
    #expect(
      ReplicaStatus.Source(row)
        == ReplicaStatus.Source(
          place: "db-1:3307", id: 1, uuid: nil, behind: nil,
          halt: "Slave_SQL_Running is No behind error 1062"))
  }

  @Test func `MySQL's row is read, and what is empty before the first connection is unknown`() {
    let row = SQLRow(
      columns: [
        "Source_Host", "Source_Port", "Replica_IO_Running", "Replica_SQL_Running",
        "Seconds_Behind_Source", "Last_IO_Errno", "Source_Server_Id", "Source_UUID",
      ],
      values: [
        .text("db-1"), .integer(3_306), .text("Connecting"), .text("Yes"), .null, .integer(2_003),
        .integer(0), .text(""),
      ])
    #expect(
      ReplicaStatus.Source(row)
        == ReplicaStatus.Source(
          place: "db-1:3306", id: nil, uuid: nil, behind: nil,
          halt: "Replica_IO_Running is Connecting behind error 2003"))
  }
}
