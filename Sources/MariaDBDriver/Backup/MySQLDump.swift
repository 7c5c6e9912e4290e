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

  /// Dumps the database into a new file, and says when the dump's snapshot has begun.
  ///
  /// - Parameters:
  ///   - tables: those whose rows do not travel.
  ///   - look: called again and again while the program runs; ends it by throwing.
  ///   - began: called once, when the dump's snapshot has begun.
  /// - Returns: the file's SHA-256 and size.
  func write(
    to path: String, isMariaDB: Bool, without tables: Set<String>,
    look: (_ hasBegun: Bool) throws(StepFailure) -> Void,
    began: () throws(StepFailure) -> Void
  ) throws(StepFailure) -> (digest: Digest, size: Int64) {
    let database = options.address.database
    let arguments =
      [
        "--single-transaction", "--skip-lock-tables", "--routines", "--triggers", "--events",
        "--hex-blob", "--no-tablespaces", "--skip-dump-date", "--default-character-set=utf8mb4",
        "--max-allowed-packet=1G",
      ] + tables.sorted().map { "--ignore-table=\(database).\($0)" } + [database]
    let descriptor = try FileStream.create(path)
    defer { close(descriptor) }
    var hash = SHA256()
    var (size, end): (Int64, [UInt8]) = (0, [])
    var hasBegun = false
    let program = ClientProgram(
      address: options.address, directory: directory, limit: Bounds.backupDeadline)
    let names = isMariaDB ? ["mariadb-dump", "mysqldump"] : ["mysqldump", "mariadb-dump"]
    try program.run(
      names, arguments, look: { () throws(StepFailure) in try look(hasBegun) },
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
  func read(_ path: String, into database: String) throws(StepFailure) {
    let program = ClientProgram(
      address: options.address, directory: directory, limit: Bounds.backupDeadline)
    try program.run(
      ["mariadb", "mysql"],
      ["--binary-mode", "--default-character-set=utf8mb4", "--max-allowed-packet=1G", database],
      input: path
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
