import Glibc
import WindlassCore
import WindlassSchema

/// Writes and reads dumps by the client programs.
struct MySQLDump {
  let options: MySQLServiceOptions
  /// Where files of ours lie.
  let directory: String

  /// What the dump program writes first from inside its snapshot.
  private static let firstWords = Array("-- Table structure for".utf8)
  /// What it writes last.
  private static let lastWords = Array("-- Dump completed".utf8)

  /// The program that dumps a database: that of the server's maker, or else the other one's.
  static func program(for connection: MySQLConnection) throws(StepFailure) -> ClientProgram {
    let program = try ClientProgram.find(
      connection.server.isMariaDB
        ? ["mariadb-dump", "mysqldump"] : ["mysqldump", "mariadb-dump"])
    try refuse(program, for: connection)
    return program
  }

  /// Fails for a program whose dump the server would not take back: MariaDB's writes the values of
  /// generated columns, which MySQL computes and does not accept.
  static func refuse(
    _ program: ClientProgram, for connection: MySQLConnection
  ) throws(StepFailure) {
    guard program.maker == .mariaDB, !connection.server.isMariaDB,
      let row = try connection.rows(
        """
        SELECT TABLE_NAME AS t, COLUMN_NAME AS c FROM information_schema.COLUMNS
        WHERE TABLE_SCHEMA = DATABASE() AND GENERATION_EXPRESSION <> '' LIMIT 1
        """
      ).first
    else { return }
    throw StepFailure(
      code: "ClientProgramUnfit", disposition: .stop,
      message:
        "\(program.path) is MariaDB's, and its dump of \(connection.address.name) could not be"
        + " restored: MySQL does not take back values of generated columns such as"
        + " \(row.text("t")).\(row.text("c")). Install MySQL's own client programs, and name their"
        + " directory in WINDLASS_CLIENT_PROGRAMS.")
  }

  /// Dumps the database into a new file, and says when the dump's snapshot has begun.
  ///
  /// - Parameters:
  ///   - tables: those whose rows do not travel.
  ///   - look: called again and again while the program runs; ends it by throwing.
  ///   - began: called once, when the dump's snapshot has begun.
  /// - Returns: the file's SHA-256 and size.
  func write(
    to path: String, by program: ClientProgram, without tables: Set<String>,
    look: (_ hasBegun: Bool) throws(StepFailure) -> Void,
    began: () throws(StepFailure) -> Void
  ) throws(StepFailure) -> (digest: Digest, size: Int64) {
    let database = options.address.database
    // The state of replication belongs to the server and not to this database, and can't be put
    // back on a server that has one; older servers have no statistics to ask for.
    let own = program.maker == .mySQL ? ["--set-gtid-purged=OFF", "--column-statistics=0"] : []
    let arguments =
      own + [
        "--single-transaction", "--skip-lock-tables", "--routines", "--triggers", "--events",
        "--hex-blob", "--no-tablespaces", "--skip-dump-date", "--default-character-set=utf8mb4",
        "--max-allowed-packet=1G",
      ] + tables.sorted().map { "--ignore-table=\(database).\($0)" } + [database]
    let descriptor = try FileStream.create(path)
    defer { close(descriptor) }
    var hash = SHA256()
    var (size, end): (Int64, [UInt8]) = (0, [])
    var hasBegun = false
    let run = ClientRun(
      program: program, address: options.address, directory: directory,
      limit: Bounds.backupDeadline)
    try run.run(
      arguments, look: { () throws(StepFailure) in try look(hasBegun) },
      consume: { bytes throws(StepFailure) in
        hash.update(bytes)
        size += Int64(bytes.count)
        try Self.write(bytes, to: descriptor, path: path)
        end = Array((end + bytes.suffix(4_096)).suffix(4_096))
        if !hasBegun, Self.contains(Self.firstWords, in: bytes) {
          hasBegun = true
          try began()
        }
      })
    guard Self.contains(Self.lastWords, in: end) else {
      throw StepFailure(
        code: "BackupIncomplete", disposition: .stop,
        message: "The dump of \(options.address.name) has no last line, so that its end is"
          + " missing. No backup was taken. Check the disk and the server's log.")
    }
    if !hasBegun { try began() }
    return (hash.finish(), size)
  }

  /// Reads a dump into a database of the same server.
  ///
  /// - Parameter keepingDefiners: whether objects keep the users by whose rights they work. In a
  ///   copy they work by the rights of the one who makes it: those users have none there, and
  ///   naming another user needs rights that are as good as all.
  func read(
    _ path: String, into database: String, keepingDefiners: Bool
  ) throws(StepFailure) {
    let run = ClientRun(
      program: try ClientProgram.find(["mariadb", "mysql"]), address: options.address,
      directory: directory, limit: Bounds.backupDeadline)
    try run.run(
      ["--binary-mode", "--default-character-set=utf8mb4", "--max-allowed-packet=1G", database],
      input: keepingDefiners ? .file(path) : .filtered(path)
    ) { _ in }
  }

  private static func contains(_ words: [UInt8], in bytes: some Collection<UInt8>) -> Bool {
    let bytes = Array(bytes)
    guard bytes.count >= words.count, let first = words.first else { return false }
    return bytes.indices.dropLast(words.count - 1).contains { index in
      bytes[index] == first && bytes[index..<index + words.count].elementsEqual(words)
    }
  }

  private static func write(
    _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, path: String
  ) throws(StepFailure) {
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = Glibc.write(
        descriptor, UnsafeRawBufferPointer(rebasing: rest).baseAddress, rest.count)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else {
        throw StepFailure(
          code: [ENOSPC, EDQUOT, EFBIG].contains(errno) ? "DiskFull" : "FileUnusable",
          disposition: .stop,
          message: "\(path) can't be written: \(SystemError.text(errno)). No backup was taken. Free"
            + " space there, then try again.")
      }
      rest = rest.dropFirst(count)
    }
  }
}
