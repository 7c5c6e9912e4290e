import Glibc
package import WindlassCore

/// The directory of one service's backups: each a file, `<id>` with the engine's ending, and its
/// manifest `<id>.manifest`, which is written last, so that a backup without one is no backup.
package struct BackupDirectory: Sendable {
  /// What every unfinished file's name ends in.
  package static let temporarySuffix = ".partial"

  package let path: String
  private let fileEnding: String

  /// Names the directory, and what a backup's file ends in; nothing is touched.
  package init(path: String, fileEnding: String = ".db") {
    self.path = path
    self.fileEnding = fileEnding
  }

  /// Makes the directory, for this user alone, unless it is there.
  package func prepare() throws(StepFailure) {
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
  package func lock() throws(StepFailure) -> FileLock {
    try FileLock(path: "\(path)/.lock", purpose: "work on the backups in \(path)")
  }

  /// The backup's file.
  package func file(_ id: BackupID) -> String { "\(path)/\(id)\(fileEnding)" }

  /// The backup's manifest.
  package func manifestFile(_ id: BackupID) -> String { "\(path)/\(id).manifest" }

  /// Fails for an id that is no plain file name.
  package func check(_ id: BackupID) throws(StepFailure) {
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
  package func manifest(_ id: BackupID) throws(StepFailure) -> BackupManifest? {
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
  package func manifests() throws(StepFailure) -> [BackupManifest] {
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
  package func sweep() throws(StepFailure) {
    // SQLite's own files lie beside an unfinished one.
    let endings = ["", "-journal", "-wal", "-shm"].map { Self.temporarySuffix + $0 }
    for name in try names() where endings.contains(where: name.hasSuffix) {
      FileStream.remove("\(path)/\(name)")
    }
  }

  /// Removes a backup, its manifest first.
  package func remove(_ id: BackupID) throws(StepFailure) {
    FileStream.remove(manifestFile(id))
    try FileStream.synchroniseDirectory(path)
    FileStream.remove(file(id))
  }

  /// The manifest of a backup that must exist.
  package func known(_ id: BackupID) throws(StepFailure) -> BackupManifest {
    guard let manifest = try manifest(id) else {
      throw StepFailure(
        code: "BackupMissing", disposition: .stop,
        message: "There is no complete backup \(id) in \(path). Look at"
          + " `windlass backup --list`.")
    }
    return manifest
  }

  /// Fails unless the file is the one that the manifest was written for.
  package func checkFile(of manifest: BackupManifest) throws(StepFailure) {
    let file = file(manifest.id)
    guard FilePath.exists(file) else { throw damaged(manifest.id, "\(file) is missing") }
    let (digest, size) = try FileStream.digest(of: file)
    guard digest == manifest.digest, size == manifest.size else {
      throw damaged(
        manifest.id,
        "\(file) has \(size) bytes with SHA-256 \(digest.text.prefix(16))…, and the manifest says"
          + " \(manifest.size) bytes with \(manifest.digest.text.prefix(16))…")
    }
  }

  /// Removes all but the newest backups; those of protected runs stay besides.
  package func prune(keep: Int, protecting protected: Set<RunID>) throws(StepFailure) {
    guard FilePath.exists(path) else { return }
    let lock = try lock()
    defer { withExtendedLifetime(lock) {} }
    for manifest in try manifests().dropLast(max(keep, 0))
    where !protected.contains(manifest.run) {
      try remove(manifest.id)
    }
  }

  /// Fails unless what a person accepts to lose reaches back to the backup.
  ///
  /// - Parameter loss: the moment since which a person accepts that what was written is lost.
  package func checkLoss(
    since loss: Timestamp, _ manifest: BackupManifest
  ) throws(StepFailure) {
    // What a person writes has no fractions of a second, so the backup's are dropped as well.
    let second = Timestamp(milliseconds: manifest.takenAt.milliseconds / 1_000 * 1_000)
    guard loss > second else { return }
    throw StepFailure(
      code: "LossNotNamed", disposition: .stop,
      message: "Backup \(manifest.id) was taken at \(second.rfc3339), before \(loss.rfc3339) since"
        + " which loss was accepted: more would be lost than was named. Nothing was changed."
        + " Accept the loss of everything written since \(second.rfc3339), or use a later backup.")
  }

  /// The failure for a backup whose file is not what its manifest says.
  package func damaged(_ id: BackupID, _ reason: String) -> StepFailure {
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
