import Glibc
package import WindlassCore

/// Whole files read, copied and made durable; never a database that is open.
package enum FileStream {
  /// The SHA-256 and the size of a file.
  package static func digest(of path: String) throws(StepFailure) -> (digest: Digest, size: Int64) {
    var hash = SHA256()
    var size: Int64 = 0
    try forEachChunk(of: path) { (chunk: UnsafeRawBufferPointer) throws(StepFailure) in
      hash.update(chunk)
      size += Int64(chunk.count)
    }
    return (hash.finish(), size)
  }

  /// Copies a file to a new one that only this user may read, makes it durable, and returns the
  /// SHA-256 of what was copied.
  package static func copy(_ source: String, to target: String) throws(StepFailure) -> Digest {
    let descriptor = try create(target)
    defer { close(descriptor) }
    var hash = SHA256()
    try forEachChunk(of: source) { (chunk: UnsafeRawBufferPointer) throws(StepFailure) in
      hash.update(chunk)
      try write(chunk, to: descriptor, path: target)
    }
    try synchronise(descriptor, path: target)
    return hash.finish()
  }

  /// Writes a new file that only this user may read, durably, under its name at once or not at
  /// all.
  package static func replace(_ path: String, with bytes: [UInt8]) throws(StepFailure) {
    let temporary = path + BackupDirectory.temporarySuffix
    remove(temporary)
    let descriptor = try create(temporary)
    do throws(StepFailure) {
      defer { close(descriptor) }
      try bytes.withUnsafeBufferPointer { (buffer) throws(StepFailure) in
        try write(UnsafeRawBufferPointer(buffer), to: descriptor, path: temporary)
      }
      try synchronise(descriptor, path: temporary)
      try rename(temporary, to: path)
    } catch {
      remove(temporary)
      throw error
    }
    try synchroniseDirectory(FilePath.directory(of: path))
  }

  /// Reads a whole small file; nil when there is none.
  package static func read(_ path: String, sizeMax: Int) throws(StepFailure) -> [UInt8]? {
    guard FilePath.exists(path) else { return nil }
    var bytes: [UInt8] = []
    try forEachChunk(of: path) { (chunk: UnsafeRawBufferPointer) throws(StepFailure) in
      guard bytes.count + chunk.count <= sizeMax else {
        throw failure("BackupDamaged", path, "is larger than \(sizeMax) bytes")
      }
      bytes += chunk
    }
    return bytes
  }

  /// Makes a new, empty file that only this user may read.
  package static func create(_ path: String) throws(StepFailure) -> Int32 {
    let descriptor = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    guard descriptor >= 0 else { throw systemFailure(path, "can't be made") }
    return descriptor
  }

  /// Makes a new, empty file that only this user may read, and leaves it closed.
  package static func createEmpty(_ path: String) throws(StepFailure) { close(try create(path)) }

  /// Gives a file its final name, over one that is there.
  package static func rename(_ path: String, to target: String) throws(StepFailure) {
    guard Glibc.rename(path, target) == 0 else {
      throw systemFailure(target, "can't get its name")
    }
  }

  /// Removes a file; one that is not there is no error.
  package static func remove(_ path: String) { unlink(path) }

  /// Makes a file's bytes durable.
  package static func synchroniseFile(_ path: String) throws(StepFailure) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { throw systemFailure(path, "can't be opened") }
    defer { close(descriptor) }
    try synchronise(descriptor, path: path)
  }

  /// Makes the names in a directory durable.
  package static func synchroniseDirectory(_ path: String) throws(StepFailure) {
    let descriptor = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw systemFailure(path, "can't be opened") }
    defer { close(descriptor) }
    try synchronise(descriptor, path: path)
  }

  // MARK: Pieces

  private static func forEachChunk(
    of path: String, _ body: (UnsafeRawBufferPointer) throws(StepFailure) -> Void
  ) throws(StepFailure) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard descriptor >= 0 else { throw systemFailure(path, "can't be opened") }
    defer { close(descriptor) }
    var chunk = [UInt8](repeating: 0, count: 1 << 20)
    while true {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw systemFailure(path, "can't be read") }
      guard count > 0 else { return }
      try chunk.withUnsafeBufferPointer { (buffer) throws(StepFailure) in
        try body(UnsafeRawBufferPointer(UnsafeBufferPointer(rebasing: buffer[..<count])))
      }
    }
  }

  /// Writes all bytes to an open file.
  package static func write(
    _ bytes: UnsafeRawBufferPointer, to descriptor: Int32, path: String
  ) throws(StepFailure) {
    var offset = 0
    while offset < bytes.count {
      let count = Glibc.write(
        descriptor, bytes.baseAddress?.advanced(by: offset), bytes.count - offset)
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw systemFailure(path, "can't be written") }
      offset += count
    }
  }

  private static func synchronise(_ descriptor: Int32, path: String) throws(StepFailure) {
    guard fsync(descriptor) == 0 else { throw systemFailure(path, "can't be made durable") }
  }

  private static func systemFailure(_ path: String, _ what: String) -> StepFailure {
    let number = errno
    guard number != ENOSPC, number != EDQUOT, number != EFBIG else {
      return failure(
        "DiskFull", path,
        "\(what): \(SystemError.text(number)). Free space there, then try again")
    }
    return failure(
      "FileUnusable", path,
      "\(what): \(SystemError.text(number)). Check that this user may use it, and the disk")
  }

  private static func failure(_ code: String, _ path: String, _ what: String) -> StepFailure {
    StepFailure(code: code, disposition: .stop, message: "\(path) \(what).")
  }
}
