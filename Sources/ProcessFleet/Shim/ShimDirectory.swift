import Glibc
import WindlassCore
import WindlassWire

/// The shim's state directory: its lock, its socket, its records, the instances' logs.
struct ShimDirectory: Sendable {
  /// The records' format; another one is refused, never guessed at.
  static let format: Int64 = 1

  /// From the root on.
  let path: String

  /// Held by the one shim.
  var lock: String { path + "/shim.lock" }
  /// Where the shim is asked.
  var socket: String { path + "/shim.socket" }
  /// What the next shim has to know.
  var records: String { path + "/shim.json" }
  /// The shim's own output.
  var shimLog: String { path + "/shim.log" }
  /// The instances' output.
  var logs: String { path + "/logs" }

  /// The log of one instance.
  func log(of id: InstanceID) -> String { "\(logs)/\(id.text).log" }

  /// Makes the directories, open to their owner alone.
  func make() throws(SystemError) {
    try Files.makePrivateDirectory(path)
    try Files.makePrivateDirectory(logs)
  }

  /// Takes the lock that only one shim can hold; it goes with the process, and no child has it.
  ///
  /// A record lock, not `flock`: a child that is just being made holds every descriptor of its
  /// parent for a moment, and would hold the lock with it.
  func takeLock() throws(SystemError) -> Descriptor {
    let flags = O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW
    let file = try Descriptor.checked(open(lock, flags, 0o600), "open", lock)
    var wanted = flock(
      l_type: Int16(F_WRLCK), l_whence: Int16(SEEK_SET), l_start: 0, l_len: 0, l_pid: 0)
    guard fcntl(file.number, F_SETLK, &wanted) == 0 else { throw SystemError("lock", lock) }
    return file
  }

  /// The pid of the process that holds the lock; nil when none does.
  func lockHolder() -> Int32? {
    let number = open(lock, O_RDWR | O_CLOEXEC | O_NOFOLLOW)
    guard number >= 0 else { return nil }
    let file = Descriptor(owning: number)
    var asked = flock(
      l_type: Int16(F_WRLCK), l_whence: Int16(SEEK_SET), l_start: 0, l_len: 0, l_pid: 0)
    guard fcntl(file.number, F_GETLK, &asked) == 0, asked.l_type != Int16(F_UNLCK) else {
      return nil
    }
    return asked.l_pid
  }

  /// Replaces the records durably.
  func save(listeners: [ListenerRecord], instances: [InstanceRecord]) throws(SystemError) {
    let document: JSONValue = [
      "format": .integer(ShimDirectory.format), "listeners": .array(listeners.map(\.json)),
      "instances": .array(instances.map(\.json)),
    ]
    try Files.replace(records, with: document.bytes + [0x0A], mode: 0o600)
  }

  /// Reads the records; nothing when there are none yet.
  ///
  /// - Throws: `.stop` when they can't be understood: without them nobody knows what runs.
  func load() throws(StepFailure) -> (listeners: [ListenerRecord], instances: [InstanceRecord]) {
    let bytes: [UInt8]
    do throws(SystemError) {
      bytes = try Files.read(records, limit: Bounds.controlMessageMax)
    } catch {
      if error.number == ENOENT { return ([], []) }
      throw error.failure(code: "ShimRecordsUnreadable", next: "make the file readable")
    }
    do {
      let fields = JSONFields(
        try JSONValue.parse(bytes, limits: JSONLimits(sizeMax: Bounds.controlMessageMax)))
      let format: Int64 = try fields.integer("format")
      guard format == ShimDirectory.format else {
        throw unreadable("it has format \(format), and this version reads \(ShimDirectory.format)")
      }
      return (
        try fields.array("listeners").map(ListenerRecord.init(json:)),
        try fields.array("instances").map(InstanceRecord.init(json:))
      )
    } catch let error as StepFailure {
      throw error
    } catch {
      throw unreadable("\(error)")
    }
  }

  private func unreadable(_ reason: String) -> StepFailure {
    StepFailure(
      code: "ShimRecordsUnreadable", disposition: .stop,
      message:
        "The records of what runs, \(records), can't be used: \(reason). Restore the file, or "
        + "make sure that no instance of the service runs and delete it.")
  }

  /// The socket's address, whatever the length of the directory's path; the descriptor must stay
  /// open while the address is used.
  func socketAddress() throws(SystemError) -> (sockaddr_un, Descriptor) {
    let flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC
    let directory = try Descriptor.checked(open(path, flags), "open", path)
    // A UNIX socket's path has at most 107 bytes; this one is short and leads to the same file.
    let short = Array("/proc/self/fd/\(directory.number)/shim.socket".utf8)
    var address = sockaddr_un()
    address.sun_family = sa_family_t(AF_UNIX)
    withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: short) }
    return (address, directory)
  }
}
