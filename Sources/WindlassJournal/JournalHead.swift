import Glibc
import WindlassCore

/// Where the journal ends, kept in a file apart from the records, so that records which were cut
/// off are missed.
struct JournalHead: Hashable, Sendable {
  /// The last record's sequence; zero before the first.
  var sequence: UInt64
  /// The last record's hash.
  var hash: ChainHash

  /// The file's text: one line, nothing optional in it.
  var text: String { "windlass-journal-head 1 \(sequence) \(hash.text)\n" }

  init(sequence: UInt64, hash: ChainHash) {
    self.sequence = sequence
    self.hash = hash
  }

  /// Reads exactly what `text` writes.
  init?(text: String) {
    let words = text.split(separator: " ", omittingEmptySubsequences: false)
    guard words.count == 4, words[3].hasSuffix("\n"), let sequence = UInt64(words[2]),
      let hash = ChainHash(text: words[3].dropLast())
    else { return nil }
    self.init(sequence: sequence, hash: hash)
    guard self.text == text else { return nil }
  }
}

/// The file that holds the head.
struct JournalHeadFile: Sendable {
  /// What reading the file gave.
  enum Reading: Hashable {
    case missing
    /// Something else stands there.
    case unreadable
    case head(JournalHead)
  }

  /// The file's path.
  let path: String

  /// Reads the file.
  func read() throws(StepFailure) -> Reading {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    if descriptor < 0, errno == ENOENT { return .missing }
    guard descriptor >= 0 else { throw failure("be opened") }
    defer { close(descriptor) }
    // The longest head has 22 + 20 + 1 + 64 + 1 bytes.
    var buffer = [UInt8](repeating: 0, count: 256)
    let count = Glibc.read(descriptor, &buffer, buffer.count)
    guard count >= 0 else { throw failure("be read") }
    guard let text = String(validating: buffer[..<count], as: UTF8.self),
      let head = JournalHead(text: text)
    else { return .unreadable }
    return .head(head)
  }

  /// Replaces the file as a whole; when this returns, the new head is on the disk.
  func write(_ head: JournalHead) throws(StepFailure) {
    let temporary = path + ".new"
    let descriptor = open(
      temporary, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, mode_t(0o600))
    guard descriptor >= 0 else { throw failure("be made") }
    defer { close(descriptor) }
    let bytes = Array(head.text.utf8)
    // A short write means that the disk is full; what was written is never renamed.
    guard Glibc.write(descriptor, bytes, bytes.count) == bytes.count else {
      throw failure("be written")
    }
    guard fsync(descriptor) == 0 else { throw failure("be brought to the disk") }
    guard rename(temporary, path) == 0 else { throw failure("be replaced") }
    try syncDirectory()
  }

  private func syncDirectory() throws(StepFailure) {
    let end = path.utf8.lastIndex(of: UInt8(ascii: "/"))
    let directory = end.map { $0 == path.startIndex ? "/" : String(path[..<$0]) } ?? "."
    let descriptor = open(directory, O_RDONLY | O_CLOEXEC | O_DIRECTORY)
    guard descriptor >= 0 else { throw failure("be brought to the disk") }
    defer { close(descriptor) }
    guard fsync(descriptor) == 0 else { throw failure("be brought to the disk") }
  }

  private func failure(_ what: String) -> StepFailure {
    let reason = String(cString: strerror(errno))
    return StepFailure(
      code: errno == ENOSPC ? "DiskFull" : "JournalFailed", disposition: .stop,
      message:
        "The journal's head \(path) can't \(what) (\(reason)). Check the disk, its quota and "
        + "the permissions of the state directory, then start the daemon again.")
  }
}
