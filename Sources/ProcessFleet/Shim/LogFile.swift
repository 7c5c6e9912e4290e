import Glibc
import WindlassCore

/// The files that instances write their output to: plain files, so that no reader's death stops a
/// writer.
enum LogFile {
  /// Opens a log for appending.
  static func open(_ path: String) throws(SystemError) -> Descriptor {
    let flags = O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW
    return try Descriptor.checked(Glibc.open(path, flags, 0o600), "open", path)
  }

  /// Copies a log that has grown too large away and empties it in place: its writers keep their
  /// descriptor, and what they write next is at its new beginning.
  static func rotateIfLarge(_ path: String, limit: Int64 = Bounds.logSizeMax) {
    // Without a file there is nothing to rotate.
    guard let status = try? FileStatus(path), status.size > limit else { return }
    for number in stride(from: Bounds.logsKept, to: 1, by: -1) {
      // Absent at first; a log that can't be moved is overwritten below.
      rename("\(path).\(number - 1)", "\(path).\(number)")
    }
    // A disk without room for the copy loses the old text rather than filling up further.
    try? copy(path, to: path + ".1")
    truncate(path, 0)
  }

  /// The end of a log, at most `limit` bytes, as text; empty without a log.
  static func tail(_ path: String, limit: Int = Bounds.outputTailMax) -> String {
    let number = Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW)
    guard number >= 0 else { return "" }
    let file = Descriptor(owning: number)
    let size = lseek(number, 0, SEEK_END)
    lseek(number, max(0, size - limit), SEEK_SET)
    var buffer = [UInt8](repeating: 0, count: limit)
    let count = read(number, &buffer, limit)
    withExtendedLifetime(file) {}
    return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : ""
  }

  private static func copy(_ path: String, to copy: String) throws(SystemError) {
    let source = try Descriptor.checked(
      Glibc.open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW), "open", path)
    let flags = O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW
    let target = try Descriptor.checked(Glibc.open(copy, flags, 0o600), "open", copy)
    while true {
      let count = sendfile(target.number, source.number, nil, 1_048_576)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw SystemError("sendfile", path) }
      if count == 0 { return }
    }
  }

  /// Deletes the oldest logs of instances that are on record no more.
  static func prune(in directory: String, keeping kept: Set<String>) {
    var forgotten: [(path: String, time: Int64)] = []
    // A directory that can't be read has nothing to delete; the next pass looks again.
    for name in (try? Files.names(in: directory)) ?? [] {
      let path = "\(directory)/\(name)"
      guard !kept.contains(where: { path.hasPrefix($0) }), let status = try? FileStatus(path)
      else { continue }
      forgotten.append((path, status.modified))
    }
    forgotten.sort { ($0.time, $0.path) > ($1.time, $1.path) }
    for file in forgotten.dropFirst(Bounds.forgottenLogsKept) { unlink(file.path) }
  }
}
