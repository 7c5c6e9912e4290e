import Testing

@testable import MariaDBDriver

/// What is read from InnoDB's own report, by the words of a real server.
struct InnoDBStatusTests {
  /// MariaDB 10.11's, shortened.
  private static let status = """
    ------------
    TRANSACTIONS
    ------------
    LIST OF TRANSACTIONS FOR EACH SESSION:
    ---TRANSACTION 1678, ACTIVE 1 sec starting index read
    mysql tables in use 1, locked 1
    LOCK WAIT 2 lock struct(s), heap size 1128, 1 row lock(s)
    MariaDB thread id 16, OS thread handle 139677169825472, query id 2136 localhost root Searching
    UPDATE r SET a = 2
    ------- TRX HAS BEEN WAITING 1001840 us FOR THIS LOCK TO BE GRANTED:
    RECORD LOCKS space id 34 page no 3 n bits 320 index PRIMARY of table `mine`.`r` lock_mode X
    Record lock, heap no 2 PHYSICAL RECORD: n_fields 3; compact format; info bits 32
     0: len 4; hex 80000001; asc     ;;

    ------------------
    ---TRANSACTION 1675, ACTIVE 2 sec
    2 lock struct(s), heap size 1128, 2 row lock(s), undo log entries 1
    MariaDB thread id 15, OS thread handle 139677169518272, query id 2135 localhost root User sleep
    SELECT SLEEP(4)
    --------
    FILE I/O
    """

  @Test func `a session that waits is told from one that works`() {
    #expect(
      InnoDBStatus.answer(of: 16, in: Self.status)
        == .waits(
          "RECORD LOCKS space id 34 page no 3 n bits 320 index PRIMARY of table `mine`.`r`"
            + " lock_mode X"))
    #expect(InnoDBStatus.answer(of: 15, in: Self.status) == .waitsForNothing)
  }

  @Test func `a session without a transaction in a whole report waits for nothing`() {
    let whole = Self.status + "\n----------------------------\nEND OF INNODB MONITOR OUTPUT\n====\n"
    #expect(InnoDBStatus.answer(of: 1, in: whole) == .waitsForNothing)
    #expect(InnoDBStatus.answer(of: 5, in: whole) == .waitsForNothing)
    // From that size on transactions are left out.
    let large = whole + String(repeating: " ", count: 1_000_000)
    #expect(InnoDBStatus.answer(of: 1, in: large) == nil)
    #expect(InnoDBStatus.answer(of: 15, in: large) == .waitsForNothing)
  }

  @Test func `a session that is not shown in a part of a report is not known`() {
    #expect(InnoDBStatus.answer(of: 1, in: Self.status) == nil)
    #expect(InnoDBStatus.answer(of: 16, in: String(Self.status.prefix(200))) == nil)
    #expect(InnoDBStatus.answer(of: 16, in: "MariaDB thread id 16, OS thread") == nil)
  }
}
