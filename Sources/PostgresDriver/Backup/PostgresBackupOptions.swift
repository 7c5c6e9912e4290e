import WindlassCore
import WindlassSchema

/// How a service's PostgreSQL database is backed up.
package struct PostgresBackupOptions: Hashable, Sendable {
  package var url: PostgresURL
  package var ledger: PostgresLedger
  /// Where the backups go.
  package var directory: String
  /// Where scratch databases are made; nil for the server of the database itself.
  package var scratch: PostgresURL?
  /// What the service itself is told, whose settings a rehearsed server gets; nil for the URL.
  package var service: PostgresURL?
  /// Bytes that must stay free beyond the backup's own; nil makes no forecast, so that a full disk
  /// is only met.
  package var freeSpaceMargin: Int64?

  package init(
    url: PostgresURL, ledger: PostgresLedger, directory: String, scratch: PostgresURL? = nil,
    service: PostgresURL? = nil, freeSpaceMargin: Int64? = Bounds.freeSpaceMargin
  ) {
    self.url = url
    self.ledger = ledger
    self.directory = directory
    self.scratch = scratch
    self.service = service
    self.freeSpaceMargin = freeSpaceMargin
  }

  /// The directory, whose backups are PostgreSQL's own archives.
  var backups: BackupDirectory { BackupDirectory(path: directory, fileEnding: ".dump") }

  /// The server for scratch databases; call it under the directory's lock.
  func scratchServer() throws(StepFailure) -> ScratchServer {
    let file = "\(directory)/.owner"
    if let bytes = try FileStream.read(file, sizeMax: 64), bytes.count == 32 {
      return ScratchServer(url: scratch ?? url, owner: String(decoding: bytes, as: UTF8.self))
    }
    let letters = Array("0123456789abcdef".utf8)
    let owner = (0..<32).map { _ in letters[Int.random(in: 0..<16)] }
    try FileStream.replace(file, with: owner)
    return ScratchServer(url: scratch ?? url, owner: String(decoding: owner, as: UTF8.self))
  }
}
