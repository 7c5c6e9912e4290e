import CLinux
import CSQLite
import Glibc

/// A rollback journal that one connection keeps between its transactions, without syncing its
/// directory again for each.
///
/// Whenever SQLite opens a journal in a way that may make the file, it syncs the directory as well:
/// without its entry nothing would take a half-written transaction back after a power cut. A
/// journal that this connection has committed with, and finds again in its place, has an entry on
/// the disk already; it is known by its inode and by when it was made, and is opened without that
/// sync. Any other is opened as ever.
final class KeptJournal {
  /// What SQLite takes for its file access, with what belongs to it behind.
  private struct Access {
    /// The first member, because SQLite hands its address back to the functions.
    var functions: sqlite3_vfs
    let below: UnsafeMutablePointer<sqlite3_vfs>
    /// The journal of the transaction under way, when its directory is still to be synced.
    var made: FileIdentity?
    /// The journal whose entry is on the disk.
    var durable: FileIdentity?
  }

  private let access: UnsafeMutablePointer<Access>
  private let text: UnsafeMutablePointer<CChar>

  /// Gives SQLite one more way to its files; nil where it takes none.
  init?() {
    precondition(MemoryLayout<Access>.offset(of: \.functions) == 0, "SQLite gets its address")
    guard let below = sqlite3_vfs_find(nil), below.pointee.xOpen != nil else { return nil }
    access = .allocate(capacity: 1)
    access.initialize(to: Access(functions: below.pointee, below: below))
    guard let text = strdup("windlass-\(UInt(bitPattern: access))") else {
      access.deallocate()
      return nil
    }
    self.text = text
    access.pointee.functions.pNext = nil
    access.pointee.functions.zName = UnsafePointer(text)
    access.pointee.functions.xOpen = { KeptJournal.open($0, $1, $2, $3, $4) }
    guard sqlite3_vfs_register(functions, 0) == SQLITE_OK else { return nil }
  }

  deinit {
    // The connection is closed: it owns this value, and closes before it lets go.
    sqlite3_vfs_unregister(functions)
    access.deinitialize(count: 1)
    access.deallocate()
    free(text)
  }

  private var functions: UnsafeMutablePointer<sqlite3_vfs> {
    UnsafeMutableRawPointer(access).assumingMemoryBound(to: sqlite3_vfs.self)
  }

  /// The name under which a connection is opened with it.
  var name: String { String(cString: text) }

  /// The journal whose entry is on the disk; nil before the first commit.
  var durable: FileIdentity? { access.pointee.durable }

  /// A transaction was committed: its journal was synced, and the directory with it.
  func noteCommit() {
    if let made = access.pointee.made { access.pointee.durable = made }
    access.pointee.made = nil
  }

  /// A transaction was rolled back, maybe before anything was synced.
  func noteRollback() { access.pointee.made = nil }

  private static func open(
    _ functions: UnsafeMutablePointer<sqlite3_vfs>?, _ name: UnsafePointer<CChar>?,
    _ file: UnsafeMutablePointer<sqlite3_file>?, _ flags: Int32,
    _ result: UnsafeMutablePointer<Int32>?
  ) -> Int32 {
    guard let functions else { return SQLITE_MISUSE }
    // SQLite calls this with what `init` registered, which is the first member of an `Access`.
    let access = UnsafeMutableRawPointer(functions).assumingMemoryBound(to: Access.self)
    let below = access.pointee.below
    guard let open = below.pointee.xOpen else { return SQLITE_MISUSE }
    let mayMakeJournal = SQLITE_OPEN_MAIN_JOURNAL | SQLITE_OPEN_CREATE
    guard flags & mayMakeJournal == mayMakeJournal, let name else {
      return open(below, name, file, flags, result)
    }
    if let durable = access.pointee.durable, FileIdentity(of: name) == durable {
      let code = open(below, name, file, flags & ~SQLITE_OPEN_CREATE, result)
      if code == SQLITE_OK { return code }
    }
    access.pointee.durable = nil
    let code = open(below, name, file, flags, result)
    access.pointee.made = code == SQLITE_OK ? FileIdentity(of: name) : nil
    return code
  }
}

/// What tells a file from any other that ever had its name.
struct FileIdentity: Hashable {
  private var device: UInt64
  private var inode: UInt64
  private var bornSeconds: Int64
  private var bornNanoseconds: UInt32

  /// The file in that place, itself when it is a link; nil where there is none, or where the file
  /// system does not know when it was made.
  init?(of path: UnsafePointer<CChar>) {
    var found = clinux_file_identity()
    guard clinux_identify_file(path, &found) == 0 else { return nil }
    device = found.device
    inode = found.inode
    bornSeconds = found.born_seconds
    bornNanoseconds = found.born_nanoseconds
  }
}
