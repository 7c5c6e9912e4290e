import Dispatch
import Glibc
package import WindlassCore
import WindlassWire

/// Keeps reports as `RUN-rehearsal.md` and `RUN-rehearsal.json` in one directory.
///
/// Each file is written whole beside its place, synchronised and moved there, so that a reader and
/// a crash find the old one or the new one.
package actor ReportDirectory: RehearsalReports {
  private let path: String
  private let thread = ReportThread()

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    thread.asUnownedSerialExecutor()
  }

  /// Makes a store over a directory, which is made with the first report when only it is missing.
  package init(path: String) { self.path = path }

  package func store(_ report: RehearsalReport) async throws(StepFailure) {
    let name = Self.fileName(for: report.run)
    mkdir(path, 0o700)  // What stands in the way shows when the directory is opened.
    try write(Array(report.text.utf8), to: "\(name).md")
    try write(report.json.prettyBytes + [0x0A], to: "\(name).json")
  }

  /// The file name of a run's report without its ending; a run's id can't lead out of the
  /// directory.
  package static func fileName(for run: RunID) -> String {
    let plain = run.text.unicodeScalars.map { (scalar) -> Character in
      switch scalar {
      case "a"..."z", "A"..."Z", "0"..."9", "-", "_": Character(scalar)
      default: "_"
      }
    }
    return "\(String(plain))-rehearsal"
  }

  private func write(_ bytes: [UInt8], to name: String) throws(StepFailure) {
    let directory = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
    guard directory >= 0 else { throw failure("open", name) }
    defer { close(directory) }
    let draft = ".\(name).draft"
    let flags = O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC
    let file = openat(directory, draft, flags, 0o600)
    guard file >= 0 else { throw failure("create", name) }
    defer { close(file) }
    var rest = bytes[...]
    while !rest.isEmpty {
      let count = rest.withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
      if count < 0, errno == EINTR { continue }
      guard count > 0 else { throw failure("write", name) }
      rest = rest.dropFirst(count)
    }
    guard fsync(file) == 0 else { throw failure("synchronise", name) }
    guard renameat(directory, draft, directory, name) == 0, fsync(directory) == 0 else {
      throw failure("put in place", name)
    }
  }

  /// The failure of the system call that was just made.
  private func failure(_ attempt: String, _ name: String) -> StepFailure {
    let code = errno
    let isFull = code == ENOSPC || code == EDQUOT
    return StepFailure(
      code: isFull ? "DiskFull" : "ReportNotKept", disposition: isFull ? .wait : .stop,
      message: "could not \(attempt) \(path)/\(name): \(String(cString: strerror(code))); check "
        + "that the directory exists, can be written, and has room")
  }
}

/// The thread on which reports are written, so that a slow disk holds up nobody else.
private final class ReportThread: SerialExecutor {
  private let queue = DispatchQueue(label: "windlass.rehearsal-reports")

  func enqueue(_ job: consuming ExecutorJob) {
    let job = UnownedJob(job)
    let executor = asUnownedSerialExecutor()
    queue.async { job.runSynchronously(on: executor) }
  }

  func checkIsolated() { dispatchPrecondition(condition: .onQueue(queue)) }
}
