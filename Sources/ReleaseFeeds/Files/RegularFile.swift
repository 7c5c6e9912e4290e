import Glibc
package import WindlassCore

/// Whole small files: read within a limit, replaced all at once.
package enum RegularFile {
  /// Who else may have written a file that is read.
  package enum Trust: Sendable {
    /// Anybody: its content is verified afterwards.
    case anyone
    /// Nobody but its owner, and the path leads to it without a link at its end.
    case ownerOnly
  }

  /// Reads a whole file of at most `sizeMax` bytes; devices, pipes and directories are refused.
  package static func read(
    _ path: String, sizeMax: Int, trust: Trust = .anyone
  ) throws(FileError) -> [UInt8] {
    let flags = trust == .ownerOnly ? O_NOFOLLOW : 0
    // Without O_NONBLOCK a pipe would hold the caller until somebody writes to it.
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | flags)
    guard descriptor >= 0 else { throw .last("opened", path) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .last("examined", path) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw FileError(number: 0, message: "\(path) is no regular file")
    }
    guard trust == .anyone || status.st_mode & (S_IWGRP | S_IWOTH) == 0 else {
      throw FileError(
        number: 0, message: "\(path) may be written by others than its owner: chmod 600 it")
    }
    var bytes: [UInt8] = []
    try forEachPiece(of: descriptor, path) { piece throws(FileError) in
      guard bytes.count + piece.count <= sizeMax else {
        throw FileError(number: 0, message: "\(path) has more than \(sizeMax) bytes")
      }
      bytes.append(contentsOf: piece)
    }
    return bytes
  }

  /// Replaces the file by one of these bytes: whoever reads sees the old file or the new one, and
  /// once this returns, so does whoever reads after a power cut.
  package static func replace(
    _ path: String, with bytes: [UInt8], mode: UInt32 = 0o600
  ) throws(FileError) {
    let temporary = path + ".new"
    // One that a crash left behind may be anything; it is never written through.
    guard unlink(temporary) == 0 || errno == ENOENT else { throw .last("removed", temporary) }
    try create(temporary, with: bytes, mode: mode)
    guard rename(temporary, path) == 0 else {
      let error = FileError.last("replaced", path)
      unlink(temporary)
      throw error
    }
    try syncDirectory(of: path)
  }

  /// Writes a new file durably; fails when the path is taken, and leaves nothing when it fails.
  package static func create(
    _ path: String, with bytes: [UInt8], mode: UInt32 = 0o600
  ) throws(FileError) {
    let flags = O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW
    let descriptor = open(path, flags, mode)
    guard descriptor >= 0 else { throw .last("created", path) }
    do throws(FileError) {
      defer { close(descriptor) }
      // The umask may have taken bits away that a public file is to have.
      guard fchmod(descriptor, mode) == 0 else { throw .last("created", path) }
      try write(bytes, to: descriptor, path)
      // After a failed fsync the data may be gone although a second call succeeds.
      guard fsync(descriptor) == 0 else { throw .last("flushed to disk", path) }
    } catch {
      unlink(path)
      throw error
    }
  }

  /// Whether anything has that name, a dangling link as well.
  package static func exists(_ path: String) -> Bool {
    var status = stat()
    return lstat(path, &status) == 0
  }

  /// Digest and size of a file of any size, read once.
  package static func measure(_ path: String) throws(FileError) -> (digest: Digest, size: Int64) {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw .last("opened", path) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw .last("examined", path) }
    guard status.st_mode & S_IFMT == S_IFREG else {
      throw FileError(number: 0, message: "\(path) is no regular file")
    }
    var hash = StreamedSHA256()
    var size: Int64 = 0
    try forEachPiece(of: descriptor, path) { piece throws(FileError) in
      hash.update(piece)
      size += Int64(piece.count)
    }
    return (hash.finish(), size)
  }

  private static func forEachPiece(
    of descriptor: Int32, _ path: String,
    _ body: (UnsafeRawBufferPointer) throws(FileError) -> Void
  ) throws(FileError) {
    let buffer = UnsafeMutableRawBufferPointer.allocate(byteCount: 65_536, alignment: 1)
    defer { buffer.deallocate() }
    while true {
      let count = Glibc.read(descriptor, buffer.baseAddress, buffer.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw .last("read", path) }
      if count == 0 { return }
      try body(UnsafeRawBufferPointer(rebasing: buffer[..<count]))
    }
  }

  private static func write(
    _ bytes: [UInt8], to descriptor: Int32, _ path: String
  ) throws(FileError) {
    var offset = 0
    while offset < bytes.count {
      let count = bytes.withUnsafeBytes { bytes in
        Glibc.write(descriptor, bytes.baseAddress?.advanced(by: offset), bytes.count - offset)
      }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw .last("written", path) }
      offset += count
    }
  }

  /// Makes a rename or a new name durable.
  private static func syncDirectory(of path: String) throws(FileError) {
    let slash = path.lastIndex(of: "/")
    let parent = slash.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let descriptor = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard descriptor >= 0 else { throw .last("opened", parent) }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw .last("flushed to disk", parent) }
  }
}
