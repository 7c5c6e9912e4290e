import Glibc
import WindlassCore
import WindlassSchema

/// The directory of one service's backups: `<id>.db` with its manifest `<id>.manifest`, which is
/// written last, so that a backup without one is no backup.
struct BackupDirectory: Sendable {
  /// What every unfinished file's name ends in.
  static let temporarySuffix = ".partial"

  let path: String

  /// Makes the directory, for this user alone, unless it is there.
  func prepare() throws(StepFailure) {
    guard mkdir(path, 0o700) != 0 else { return }
    guard errno == EEXIST else {
      throw StepFailure(
        code: "BackupDirectoryUnusable", disposition: .stop,
        message: "The backup directory \(path) can't be made: \(SystemError.text(errno)). Make its"
          + " parent directory, or set `backup.directory` to one that this user may write.")
    }
    var status = stat()
    guard stat(path, &status) == 0, status.st_mode & S_IFMT == S_IFDIR,
      status.st_mode & 0o022 == 0
    else {
      throw StepFailure(
        code: "BackupDirectoryUnusable", disposition: .stop,
        message: "\(path) must be a directory that nobody else may write. Run `chmod go-rwx"
          + " \(path)`, or set `backup.directory` to another one.")
    }
  }

  /// Takes the lock under which files are made and swept.
  func lock() throws(StepFailure) -> FileLock {
    try FileLock(path: "\(path)/.lock", purpose: "work on the backups in \(path)")
  }

  /// The backup's database.
  func file(_ id: BackupID) -> String { "\(path)/\(id).db" }

  /// The backup's manifest.
  func manifestFile(_ id: BackupID) -> String { "\(path)/\(id).manifest" }

  /// Fails for an id that is no plain file name.
  func check(_ id: BackupID) throws(StepFailure) {
    let isPlain = id.text.utf8.allSatisfy { byte in
      switch byte {
      case 0x30...0x39, 0x41...0x5A, 0x61...0x7A, 0x2D, 0x2E, 0x5F: true
      default: false
      }
    }
    guard isPlain, !id.text.isEmpty, id.text.utf8.count <= 128, !id.text.hasPrefix(".") else {
      throw StepFailure(
        code: "BadArgument", disposition: .stop,
        message: "\"\(id)\" can't name a backup: use letters, digits, `-`, `_` and `.`, at most"
          + " 128, and no `.` at the beginning.")
    }
  }

  /// The manifest of a complete backup; nil when there is none of that id.
  func manifest(_ id: BackupID) throws(StepFailure) -> BackupManifest? {
    try check(id)
    let file = manifestFile(id)
    guard let bytes = try FileStream.read(file, sizeMax: Bounds.backupManifestSizeMax) else {
      return nil
    }
    let manifest = try BackupManifest.decode(bytes, path: file)
    guard manifest.id == id else { throw damaged(id, "its manifest is of backup \(manifest.id)") }
    return manifest
  }

  /// Every complete backup, the oldest first; one whose manifest is damaged is left out.
  func manifests() throws(StepFailure) -> [BackupManifest] {
    var manifests: [BackupManifest] = []
    for name in try names() where name.hasSuffix(".manifest") {
      // A damaged manifest is reported where its backup is asked for by name.
      if let manifest = try? manifest(BackupID(String(name.dropLast(9)))) {
        manifests.append(manifest)
      }
    }
    return manifests.sorted { ($0.takenAt, $0.id) < ($1.takenAt, $1.id) }
  }

  /// Removes the unfinished files that earlier, interrupted work left, and nothing else; call it
  /// under the lock.
  func sweep() throws(StepFailure) {
    // SQLite's own files lie beside an unfinished one.
    let endings = ["", "-journal", "-wal", "-shm"].map { Self.temporarySuffix + $0 }
    for name in try names() where endings.contains(where: name.hasSuffix) {
      FileStream.remove("\(path)/\(name)")
    }
  }

  /// Removes a backup, its manifest first.
  func remove(_ id: BackupID) throws(StepFailure) {
    FileStream.remove(manifestFile(id))
    try FileStream.synchroniseDirectory(path)
    FileStream.remove(file(id))
  }

  /// The failure for a backup whose file is not what its manifest says.
  func damaged(_ id: BackupID, _ reason: String) -> StepFailure {
    StepFailure(
      code: "BackupDamaged", disposition: .stop,
      message: "Backup \(id) in \(path) is not usable: \(reason). Nothing was changed. Take"
        + " another backup, and move this one out of the directory.")
  }

  private func names() throws(StepFailure) -> [String] {
    guard let names = FilePath.names(in: path) else {
      throw StepFailure(
        code: "BackupDirectoryUnusable", disposition: .stop,
        message: "The backup directory \(path) can't be read: \(SystemError.text(errno)). Check"
          + " the path and its permissions.")
    }
    return names
  }
}
