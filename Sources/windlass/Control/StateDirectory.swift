import Glibc
import SQLiteDriver
import WindlassCore
import WindlassJournal

/// The directory that a daemon keeps everything in; one daemon at a time.
struct StateDirectory: Hashable, Sendable {
  /// An absolute path without a slash at its end.
  let path: String

  /// Where the state is when nothing else is said.
  static let standard = "/var/lib/windlass"

  /// Names a directory; a relative path starts at the working directory.
  init(_ path: String) {
    var absolute = path
    if !path.hasPrefix("/"), let working = getcwd(nil, 0) {
      absolute = String(cString: working) + "/" + path
      free(working)
    }
    while absolute.count > 1, absolute.hasSuffix("/") { absolute.removeLast() }
    self.path = absolute
  }

  /// The socket that the command line asks.
  var controlSocket: String { path + "/control.sock" }

  /// Makes the directory, and refuses one that others may look into or that is another user's.
  func prepare() throws(CommandFailure) {
    try make()
    var status = stat()
    guard lstat(path, &status) == 0 else { throw failure("can't be read") }
    guard status.st_mode & S_IFMT == S_IFDIR else {
      throw refused("is not a directory", "Name a directory with --state.")
    }
    guard status.st_uid == geteuid() else {
      throw refused(
        "belongs to the user with the id \(status.st_uid)",
        "Run the daemon as that user, or name another directory with --state.")
    }
    guard status.st_mode & 0o077 == 0 else {
      throw refused(
        "may be used by other users, and what is in it decides what the daemon does",
        "Run chmod 700 \(path), or name another directory with --state.")
    }
  }

  /// Takes the directory for this process; the lock goes with the value, or with the process.
  ///
  /// - Parameter patience: How long a daemon that is just ending may still hold it. One that was
  ///   killed holds it for a moment too: so long as a child that it was just making has not
  ///   executed anything, and so has a copy of each of its descriptors.
  func lock(
    patience: Interval = Bounds.stateLockPatience
  ) throws(CommandFailure) -> StateLock {
    let lockPath = path + "/daemon.lock"
    let descriptor = open(
      lockPath, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, mode_t(0o600))
    guard descriptor >= 0 else { throw failure("can't be written to") }
    let lock = StateLock(owning: descriptor)
    let deadline = ContinuousClock.now + .milliseconds(patience.milliseconds)
    while flock(descriptor, LOCK_EX | LOCK_NB) != 0 {
      // Nothing of this daemon runs yet that the pause could hold up.
      if ContinuousClock.now < deadline {
        usleep(UInt32(Bounds.stateLockRetryDelay.milliseconds) * 1_000)
        continue
      }
      let holder = lock.holder.map { " with the pid \($0)" } ?? ""
      throw CommandFailure(
        .failed, "AlreadyRunning",
        "Another Windlass daemon\(holder) runs on the state directory \(path). Ask it with "
          + "windlass status --state \(path), or give this one another directory.")
    }
    lock.sign()
    return lock
  }

  /// Opens the journal, with every commit on the disk before it is believed.
  func openJournal() async throws(StepFailure) -> Journal {
    let session = SQLiteSession(
      SQLiteOptions(
        path: path + "/journal.db", access: .create, durability: .full, journalMode: .wal,
        lockDeadline: Bounds.journalLockDeadline))
    return try await Journal.open(session, head: path + "/journal.head")
  }

  private func make() throws(CommandFailure) {
    var parent = ""
    for name in path.split(separator: "/") {
      parent += "/" + name
      guard mkdir(parent, mode_t(0o700)) != 0, errno != EEXIST else { continue }
      // A parent that can't be made because it is there and read-only gives another error.
      if access(parent, F_OK) != 0 { throw failure("can't be made") }
    }
  }

  private func refused(_ what: String, _ next: String) -> CommandFailure {
    CommandFailure(.failed, "StateRefused", "The state directory \(path) \(what). \(next)")
  }

  private func failure(_ what: String) -> CommandFailure {
    CommandFailure(
      .failed, "StateFailed",
      "The state directory \(path) \(what): \(String(cString: strerror(errno))). Check its "
        + "permissions and its disk, or name another directory with --state.")
  }
}

/// The lock of a state directory, held as long as the value lives.
final class StateLock: Sendable {
  private let descriptor: Int32

  /// Takes over the descriptor of the lock's file.
  init(owning descriptor: Int32) { self.descriptor = descriptor }

  deinit { close(descriptor) }

  /// The pid that the holder wrote; nil when it wrote none.
  var holder: Int32? {
    var bytes = [UInt8](repeating: 0, count: 16)
    let count = pread(descriptor, &bytes, bytes.count, 0)
    guard count > 0 else { return nil }
    return Int32(String(decoding: bytes[..<count].prefix { $0 > 0x20 }, as: UTF8.self))
  }

  /// Writes this process's pid, for people; who holds the lock is the kernel's word.
  fileprivate func sign() {
    let text = Array("\(getpid())\n".utf8)
    if ftruncate(descriptor, 0) == 0 { pwrite(descriptor, text, text.count, 0) }
  }
}
