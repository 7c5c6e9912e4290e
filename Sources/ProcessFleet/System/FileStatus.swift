// The header of libarchive brings the C type `stat` with it, so both modules claim to define it.
import CArchive
import Glibc

/// What the kernel says about a file; links are not followed unless said.
struct FileStatus: Hashable, Sendable {
  /// What a file is.
  enum Kind: Hashable, Sendable { case file, directory, other }

  /// What the file is.
  var kind: Kind
  /// In bytes.
  var size: Int64
  /// The permission bits alone.
  var permissions: UInt32
  /// The owner's uid.
  var owner: UInt32
  /// Tells one file from all others of the machine, whatever it is called.
  var identity: FileIdentity
  /// Seconds since the Unix epoch.
  var modified: Int64

  /// Asks about a path; with `followsLinks` about what it leads to.
  init(_ path: String, followsLinks: Bool = false) throws(SystemError) {
    var status = stat()
    guard (followsLinks ? stat(path, &status) : lstat(path, &status)) == 0 else {
      throw SystemError("stat", path)
    }
    self.init(status)
  }

  /// Asks about an open file.
  init(_ descriptor: Descriptor) throws(SystemError) {
    var status = stat()
    guard fstat(descriptor.number, &status) == 0 else { throw SystemError("fstat") }
    self.init(status)
  }

  private init(_ status: stat) {
    kind =
      switch status.st_mode & Glibc.S_IFMT {
      case Glibc.S_IFREG: .file
      case Glibc.S_IFDIR: .directory
      default: .other
      }
    size = Int64(status.st_size)
    permissions = status.st_mode & 0o7777
    owner = status.st_uid
    identity = FileIdentity(device: UInt64(status.st_dev), inode: UInt64(status.st_ino))
    modified = Int64(status.st_mtim.tv_sec)
  }
}

/// A file by where it is stored.
struct FileIdentity: Hashable, Sendable {
  /// The device that it is stored on.
  var device: UInt64
  /// Its number there.
  var inode: UInt64
}
