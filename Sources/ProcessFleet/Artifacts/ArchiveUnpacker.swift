import CArchive
import Glibc
import WindlassCore

/// Why an archive is not unpacked.
struct ArchiveRefusal: Error, Hashable {
  /// What is wrong, with the entry that it is about.
  var sentence: String
  /// Whether the machine is to blame and not the archive.
  var shortage: SystemError?

  /// The archive is to blame.
  init(_ sentence: String) { self.sentence = sentence }

  /// The machine is to blame.
  init(_ error: SystemError) {
    sentence = error.description
    shortage = error
  }
}

/// Unpacks a verified `.tar.gz` into an empty directory.
///
/// Only plain files and directories come out of it. Links, devices, absolute paths, `..`, setuid
/// bits, a path twice, and more bytes or entries than allowed are refused before anything is
/// written for them.
struct ArchiveUnpacker {
  /// What an archive may cost.
  struct Limits {
    /// Bytes of all files together.
    var sizeMax: Int64
    /// Files and directories together.
    var entriesMax = Bounds.archiveEntriesMax
    /// Directories inside each other.
    var depthMax = Bounds.archiveDepthMax

    /// The limits for an archive of that many packed bytes.
    init(packedSize: Int64) {
      let (product, overflow) = packedSize.multipliedReportingOverflow(
        by: Bounds.archiveExpansionMax)
      sizeMax = overflow ? .max : product
    }
  }

  /// The empty directory that the files go to.
  let directory: String
  /// What the archive may cost.
  let limits: Limits
  private var sizeLeft: Int64
  private var entries = 0
  private var files: [ArtifactIndex.File] = []
  private var directories: Set<String> = []
  private var buffer = [UInt8](repeating: 0, count: 262_144)

  /// Unpacks the archive from the descriptor's present offset, and returns what it held. Files
  /// are durable then, and read-only.
  static func unpack(
    _ archive: Descriptor, into directory: String, limits: Limits
  ) throws(ArchiveRefusal) -> ArtifactIndex {
    var unpacker = ArchiveUnpacker(directory: directory, limits: limits)
    try unpacker.run(archive)
    return ArtifactIndex(files: unpacker.files)
  }

  private init(directory: String, limits: Limits) {
    self.directory = directory
    self.limits = limits
    sizeLeft = limits.sizeMax
  }

  private mutating func run(_ archive: Descriptor) throws(ArchiveRefusal) {
    if let reason = carchive_load() {
      throw ArchiveRefusal(
        "libarchive can't be loaded (\(String(cString: reason))); install the Debian package"
          + " libarchive13")
    }
    guard let reader = archive_read_new() else { throw ArchiveRefusal("out of memory") }
    defer { archive_read_free(reader) }
    // These two alone: every other format that the library knows is attack surface.
    archive_read_support_filter_gzip(reader)
    archive_read_support_format_tar(reader)
    guard archive_read_open_fd(reader, archive.number, 65_536) == ARCHIVE_OK else {
      throw ArchiveUnpacker.unreadable(reader)
    }
    while true {
      var entry: OpaquePointer?
      let result = archive_read_next_header(reader, &entry)
      if result == ARCHIVE_EOF { break }
      // A warning is about what is not used here, or shows in what is: a missing name, for one.
      guard result == ARCHIVE_OK || result == ARCHIVE_WARN, let entry else {
        throw ArchiveUnpacker.unreadable(reader)
      }
      try unpack(entry, from: reader)
    }
    guard archive_filter_code(reader, 0) == ARCHIVE_FILTER_GZIP else {
      throw ArchiveRefusal("it is not compressed by gzip")
    }
    guard !files.isEmpty else { throw ArchiveRefusal("it holds no file") }
    try seal()
  }

  private mutating func unpack(
    _ entry: OpaquePointer, from reader: OpaquePointer
  ) throws(ArchiveRefusal) {
    entries += 1
    guard entries <= limits.entriesMax else {
      throw ArchiveRefusal("it has more than \(limits.entriesMax) entries")
    }
    guard let text = archive_entry_pathname_utf8(entry) ?? archive_entry_pathname(entry) else {
      throw ArchiveRefusal("an entry has a name that is no text")
    }
    let parts = try self.parts(of: String(cString: text))
    let path = parts.joined(separator: "/")
    guard archive_entry_hardlink(entry) == nil, archive_entry_symlink(entry) == nil else {
      throw ArchiveRefusal("\"\(path)\" is a link")
    }
    let mode = archive_entry_mode(entry)
    guard mode & 0o6000 == 0 else {
      throw ArchiveRefusal("\"\(path)\" has a setuid or setgid bit")
    }
    switch archive_entry_filetype(entry) {
    case Glibc.S_IFDIR: try makeDirectories(parts)
    case Glibc.S_IFREG:
      guard let name = parts.last else { throw ArchiveRefusal("a file has no name") }
      try makeDirectories(parts.dropLast())
      guard archive_entry_size(entry) <= sizeLeft else { throw tooLarge }
      let isExecutable = mode & 0o100 != 0
      try write(path, name, isExecutable: isExecutable, from: reader)
    default: throw ArchiveRefusal("\"\(path)\" is neither a file nor a directory")
    }
  }

  private func parts(of path: String) throws(ArchiveRefusal) -> [String] {
    guard !path.hasPrefix("/") else { throw ArchiveRefusal("\"\(path)\" is an absolute path") }
    var parts: [String] = []
    for part in path.split(separator: "/") where part != "." {
      guard part != ".." else { throw ArchiveRefusal("\"\(path)\" leads out of its directory") }
      let isPlain = part.unicodeScalars.allSatisfy { $0.value >= 0x20 && $0.value != 0x7F }
      guard isPlain, part.utf8.count <= 255 else {
        throw ArchiveRefusal(
          "an entry has a name with control characters, or a longer one than 255 bytes")
      }
      parts.append(String(part))
    }
    guard parts.count <= limits.depthMax else {
      throw ArchiveRefusal("\"\(path)\" is nested deeper than \(limits.depthMax) directories")
    }
    return parts
  }

  private var tooLarge: ArchiveRefusal {
    ArchiveRefusal("it unpacks to more than the \(limits.sizeMax) bytes allowed for its size")
  }

  private mutating func makeDirectories(_ parts: some Sequence<String>) throws(ArchiveRefusal) {
    var path = directory
    for part in parts {
      path += "/" + part
      if directories.contains(path) { continue }
      // The tree holds nothing but what was made here, so no link can stand in the way.
      guard mkdir(path, 0o700) == 0 else { throw ArchiveRefusal(SystemError("mkdir", path)) }
      directories.insert(path)
    }
  }

  private mutating func write(
    _ path: String, _ name: String, isExecutable: Bool, from reader: OpaquePointer
  ) throws(ArchiveRefusal) {
    let full = "\(directory)/\(path)"
    let number = open(full, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0o600)
    if number < 0, errno == EEXIST { throw ArchiveRefusal("\"\(path)\" is there twice") }
    guard number >= 0 else { throw ArchiveRefusal(SystemError("open", full)) }
    let file = Descriptor(owning: number)
    var digest = FileDigest()
    while true {
      let count = archive_read_data(reader, &buffer, buffer.count)
      if count == 0 { break }
      guard count > 0 else { throw ArchiveUnpacker.unreadable(reader) }
      sizeLeft -= Int64(count)
      guard sizeLeft >= 0 else { throw tooLarge }
      let result = buffer.withUnsafeBytes { bytes in
        let piece = UnsafeRawBufferPointer(rebasing: bytes[..<count])
        digest.update(piece)
        return Result { () throws(SystemError) in try Files.write(piece, to: file, full) }
      }
      if case .failure(let error) = result { throw ArchiveRefusal(error) }
    }
    guard fchmod(number, isExecutable ? 0o555 : 0o444) == 0, fsync(number) == 0 else {
      throw ArchiveRefusal(SystemError("fsync", full))
    }
    files.append(
      ArtifactIndex.File(path: path, digest: digest.finish(), isExecutable: isExecutable))
  }

  /// Makes the directories durable and read-only, the innermost first.
  private func seal() throws(ArchiveRefusal) {
    let innermostFirst = directories.sorted { ($1.utf8.count, $0) < ($0.utf8.count, $1) }
    do throws(SystemError) {
      for path in innermostFirst {
        try Files.synchronize(directory: path)
        guard chmod(path, 0o555) == 0 else { throw SystemError("chmod", path) }
      }
      try Files.synchronize(directory: directory)
    } catch {
      throw ArchiveRefusal(error)
    }
  }

  private static func unreadable(_ reader: OpaquePointer) -> ArchiveRefusal {
    let reason = archive_error_string(reader).map { String(cString: $0) } ?? "unknown"
    return ArchiveRefusal("it is no gzip-compressed tar archive, or a damaged one (\(reason))")
  }
}
