import CArchive
import Glibc
package import WindlassCore

/// Packs a directory as a `.tar.gz` whose bytes depend on nothing but names, contents and execute
/// bits: the same directory gives the same digest on every machine.
package enum ArchiveWriter {
  /// Writes the archive and returns its digest and size; a quick one is larger, and takes a third
  /// of the time.
  ///
  /// - Throws: `.stop`; what is neither a file nor a directory can't be packed.
  @discardableResult
  package static func pack(
    _ directory: String, to archive: String, isQuick: Bool = false
  ) throws(StepFailure) -> (digest: Digest, size: Int64) {
    do throws(SystemError) {
      let entries = try entries(in: directory)
      try write(entries, to: archive, isQuick: isQuick)
      let file = try Descriptor.checked(open(archive, O_RDONLY | O_CLOEXEC), "open", archive)
      return try FileDigest.digest(of: file, archive)
    } catch {
      throw StepFailure(
        code: "ArchiveNotWritten", disposition: .stop,
        message:
          "\(archive) was not packed from \(directory): \(error). An archive holds plain files and "
          + "directories alone.")
    }
  }

  /// The SHA-256 and size of a file, as a manifest names them.
  package static func measure(_ path: String) throws(StepFailure) -> (digest: Digest, size: Int64) {
    do throws(SystemError) {
      let file = try Descriptor.checked(open(path, O_RDONLY | O_CLOEXEC), "open", path)
      return try FileDigest.digest(of: file, path)
    } catch {
      throw error.failure(
        code: "FileUnreadable", next: "name a file that can be read", isPermanent: true)
    }
  }

  private struct Entry {
    /// Below the packed directory.
    var name: String
    var path: String
    var isDirectory: Bool
    var isExecutable: Bool
    var size: Int64
  }

  private static func entries(
    in directory: String, prefix: String = ""
  ) throws(SystemError) -> [Entry] {
    var entries: [Entry] = []
    for name in try Files.names(in: directory) {
      let path = "\(directory)/\(name)"
      let status = try FileStatus(path)
      guard status.kind != .other else { throw SystemError("pack", path, number: EINVAL) }
      let isDirectory = status.kind == .directory
      entries.append(
        Entry(
          name: prefix + name, path: path, isDirectory: isDirectory,
          isExecutable: status.permissions & 0o100 != 0, size: status.size))
      guard entries.count <= Bounds.archiveEntriesMax else {
        throw SystemError("pack", directory, number: E2BIG)
      }
      if isDirectory { entries += try Self.entries(in: path, prefix: prefix + name + "/") }
    }
    return entries
  }

  private static func write(
    _ entries: [Entry], to archive: String, isQuick: Bool
  ) throws(SystemError) {
    if carchive_load() != nil {
      throw SystemError("pack with libarchive, of the Debian package libarchive13,", number: ENOPKG)
    }
    guard let writer = archive_write_new() else { throw SystemError("pack", number: ENOMEM) }
    defer { archive_write_free(writer) }
    archive_write_set_format_pax_restricted(writer)
    archive_write_add_filter_gzip(writer)
    // Without this the compressor writes the time of day into its header.
    archive_write_set_filter_option(writer, "gzip", "timestamp", nil)
    if isQuick { archive_write_set_filter_option(writer, "gzip", "compression-level", "1") }
    let flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC
    let file = try Descriptor.checked(open(archive, flags, 0o644), "open", archive)
    guard archive_write_open_fd(writer, file.number) == ARCHIVE_OK else {
      throw SystemError("write", archive, number: archive_errno(writer))
    }
    for entry in entries { try write(entry, to: writer, archive) }
    guard archive_write_close(writer) == ARCHIVE_OK else {
      throw SystemError("write", archive, number: archive_errno(writer))
    }
    guard fsync(file.number) == 0 else { throw SystemError("fsync", archive) }
  }

  private static func write(
    _ entry: Entry, to writer: OpaquePointer, _ archive: String
  ) throws(SystemError) {
    guard let header = archive_entry_new() else { throw SystemError("pack", number: ENOMEM) }
    defer { archive_entry_free(header) }
    archive_entry_set_pathname(header, entry.name)
    archive_entry_set_filetype(header, entry.isDirectory ? Glibc.S_IFDIR : Glibc.S_IFREG)
    archive_entry_set_perm(header, entry.isDirectory || entry.isExecutable ? 0o755 : 0o644)
    archive_entry_set_mtime(header, 0, 0)
    if !entry.isDirectory { archive_entry_set_size(header, entry.size) }
    guard archive_write_header(writer, header) == ARCHIVE_OK else {
      throw SystemError("write", archive, number: archive_errno(writer))
    }
    guard !entry.isDirectory else { return }
    let flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW
    let file = try Descriptor.checked(open(entry.path, flags), "open", entry.path)
    var left = entry.size
    var buffer = [UInt8](repeating: 0, count: 262_144)
    while left > 0 {
      let count = read(file.number, &buffer, Int(min(left, Int64(buffer.count))))
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw SystemError("read", entry.path) }
      // A file that shrank meanwhile would leave a hole that the next entry falls into.
      guard count > 0, archive_write_data(writer, buffer, count) == count else {
        throw SystemError("pack", entry.path, number: EIO)
      }
      left -= Int64(count)
    }
  }
}
