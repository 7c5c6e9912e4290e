import CLinux
import Glibc
import WindlassCore

/// The instances and listeners of one service, as the shim owns them. Everything here returns at
/// once; time passes in `advance`.
final class ShimFleet {
  private let directory: ShimDirectory
  private let here: HostIdentity
  private let nullDevice: Descriptor
  private var listeners = ListenerTable()
  private var instances: [OwnedInstance] = []
  /// Whether the records on disk lag behind; they are written again until they do not.
  private var isUnsaved = false
  /// When the listeners are looked at after a start, in milliseconds of `MonotonicClock`.
  private var checks: [Int64] = []
  private var housekeepingAt: Int64 = 0

  /// What instances write to; nil for a file of each one's own.
  private let output: Descriptor?

  /// Reads the records of an earlier shim, looks for its instances and takes its listeners back.
  ///
  /// - Parameter output: what instances write to; nil for a file of each one's own.
  init(
    directory: ShimDirectory, here: HostIdentity, output: Descriptor? = nil
  ) throws(StepFailure) {
    self.directory = directory
    self.here = here
    self.output = output
    do throws(SystemError) {
      nullDevice = try Descriptor.checked(open("/dev/null", O_RDWR | O_CLOEXEC), "open")
    } catch {
      throw error.failure(code: "ShimFailed", next: "make /dev/null usable")
    }
    let recorded = try directory.load()
    instances = recorded.instances.map { OwnedInstance(recovering: $0, here: here) }
    instances.removeAll(where: \.wasNeverStarted)
    listeners.takeBack(
      recorded.listeners,
      from: instances.compactMap { instance in
        instance.watched.map { (instance.record.process.pid, $0) }
      })
    isUnsaved = true
    saveIfNeeded()
  }

  /// The pidfds whose readability calls for `advance`.
  var watched: [Descriptor] { instances.compactMap(\.watched) }

  /// Whether no instance may be alive.
  var isEmpty: Bool { instances.allSatisfy { $0.life == .dead } }

  /// Everything there is to know.
  func reading() -> ShimReading {
    listeners.keepListening()
    return ShimReading(
      shim: getpid(), listeners: listeners.readings,
      instances: instances.map { instance in
        let record = instance.record
        return ShimInstance(
          id: record.id, release: record.release, pid: record.process.pid, life: instance.life,
          isDraining: instance.isDraining, wasKilled: record.wasKilled,
          privateAddress: record.privateAddress, log: record.log, exit: record.exit,
          detail: instance.doubt)
      })
  }

  // MARK: Requests

  /// Binds the listeners that are not there yet.
  func configure(
    _ wanted: [ListenerSpecification], backlog: Int32
  ) throws(StepFailure) {
    let before = listeners.records
    try listeners.configure(wanted, backlog: backlog, isInUse: !isEmpty)
    if listeners.records != before { try save() }
  }

  /// Starts an instance; one of that name that exists already is left as it is.
  func start(_ order: InstanceOrder, executable: Descriptor) throws(StepFailure) {
    guard instance(order.id) == nil else { return }
    try check(order)
    var attemptsLeft = Bounds.executeAttemptsMax
    while true {
      attemptsLeft -= 1
      let failure = try execute(order, executable)
      saveIfNeeded()
      guard let failure else { break }
      guard failure.isAboutWriter, attemptsLeft > 0 else {
        throw failure.failure("The instance \(order.id) was not started", "InstanceNotStarted")
      }
      usleep(UInt32(Bounds.executeRetryDelay.milliseconds) * 1_000)
    }
    let now = MonotonicClock.milliseconds()
    checks += Bounds.listenerChecks.map { now + $0.milliseconds }
  }

  /// Sends SIGTERM now, and SIGKILL after `patience`; what is not on record was never started and
  /// needs no stop.
  func stop(_ id: InstanceID, patience: Interval) throws(StepFailure) {
    guard let instance = instance(id) else { return }
    guard instance.life != .unknown else {
      throw StepFailure(
        code: "InstanceInDoubt", disposition: .wait,
        message:
          "The instance \(id) can't be stopped, because nobody can tell whether it runs: "
          + "\(instance.doubt). Make sure that it has ended, then confirm it (windlass "
          + "confirm-dead \(id)).")
    }
    instance.stop(killAt: MonotonicClock.milliseconds() + patience.milliseconds)
    isUnsaved = true
    saveIfNeeded()
  }

  /// Drops a dead instance's record, or that of one in doubt, which takes a person's word.
  func forget(_ id: InstanceID) throws(StepFailure) {
    guard let instance = instance(id) else { return }
    guard instance.life != .alive else {
      throw StepFailure(
        code: "InstanceAlive", disposition: .stop,
        message: "The instance \(id) still runs and can't be forgotten; stop it first.")
    }
    instances.removeAll { $0 === instance }
    try save()
    LogFile.prune(in: directory.logs, keeping: Set(instances.map(\.record.log)))
  }

  // MARK: Time

  /// Does what is due: reaps, kills, checks listeners, rotates logs.
  func advance() {
    let now = MonotonicClock.milliseconds()
    for instance in instances {
      if instance.killIfDue(now: now) { isUnsaved = true }
      if instance.advance() { isUnsaved = true }
    }
    instances.removeAll(where: \.wasNeverStarted)
    if checks.contains(where: { $0 <= now }) {
      checks.removeAll { $0 <= now }
      listeners.keepListening()
    }
    if housekeepingAt <= now {
      housekeepingAt = now + Bounds.shimHousekeeping.milliseconds
      keepHouse()
    }
    saveIfNeeded()
  }

  /// Milliseconds until something is due; nil when nothing will be.
  func timeToNext() -> Int64? {
    let now = MonotonicClock.milliseconds()
    var due = checks + instances.compactMap(\.killAt)
    if instances.contains(where: \.isEnding) {
      due.append(now + Bounds.descendantPoll.milliseconds)
    }
    if isUnsaved || !isEmpty { due.append(max(housekeepingAt, now + 1)) }
    return due.min().map { max(0, $0 - now) }
  }

  private func keepHouse() {
    for instance in instances {
      if instance.life == .alive { LogFile.rotateIfLarge(instance.record.log) }
      if instance.lookAgain(from: here) { isUnsaved = true }
    }
    reapOrphans()
  }

  /// Reaps descendants that came to us when their parent ended; an instance's own process is left
  /// to `OwnedInstance`, which needs to see it as a zombie.
  private func reapOrphans() {
    var ended = clinux_exit()
    while clinux_peek_ended(-1, &ended) == 1 {
      let pid = ended.pid
      let isInstance = instances.contains { $0.record.process.pid == pid && $0.life == .alive }
      guard !isInstance, clinux_reap(pid) == 1 else { return }
    }
  }

  // MARK: Parts of a start

  /// Makes the process, records it, and lets it go; returns why it did not come to execute.
  private func execute(
    _ order: InstanceOrder, _ executable: Descriptor
  ) throws(StepFailure) -> SpawnFailure? {
    let child: WaitingChild
    let record: InstanceRecord
    do throws(SystemError) {
      (child, record) = try prepare(order, executable: executable)
      // Durable before the first byte of the artifact runs: whatever happens to this shim now, the
      // next one knows of the process, and a child that was not let go ends by itself.
      try saveRecords(adding: record)
    } catch {
      throw error.failure(
        code: "InstanceNotStarted", next: "the instance \(order.id) was not started")
    }
    do throws(SpawnFailure) {
      let instance = OwnedInstance(record, pidfd: try child.release())
      instance.hasStarted()
      instances.append(instance)
      return nil
    } catch {
      return error
    }
  }

  /// What an instance with that log writes to.
  private func outlet(_ log: String) throws(SystemError) -> Descriptor {
    if let output { return output }
    return try LogFile.open(log)
  }

  /// Makes the process, which executes nothing yet, and the record of it.
  private func prepare(
    _ order: InstanceOrder, executable: Descriptor
  ) throws(SystemError) -> (WaitingChild, InstanceRecord) {
    let socket = try ListeningSocket.bind(to: .anyLoopback, backlog: Bounds.privateBacklog)
    let cookie = "\(ShimFleet.cookieName)=\(order.id).\(RandomName.make())"
    let log = directory.log(of: order.id)
    let child = try WaitingChild(
      SpawnOrder(
        executable: executable, arguments: order.arguments,
        environment: order.environment + [cookie],
        listeners: listeners.entries.map { ($0.record.name, $0.socket.descriptor) }
          + [(ListenerTable.privateName, socket.descriptor)],
        directory: order.directory, input: nullDevice, output: try outlet(log),
        flags: order.isScript ? [.newSession, .keepsExecutable] : .newSession))
    guard let startTime = ProcessTable.startTime(of: child.pid) else {
      throw SystemError("read", "/proc/\(child.pid)/stat", number: ENOENT)
    }
    let record = InstanceRecord(
      id: order.id, release: order.release,
      process: ProcessIdentity(pid: child.pid, startTime: startTime, host: here),
      cookie: cookie, privateAddress: socket.address,
      listeners: listeners.records.map(\.name) + [ListenerTable.privateName],
      log: log, stage: .waiting)
    return (child, record)
  }

  private func check(_ order: InstanceOrder) throws(StepFailure) {
    let id = order.id.text
    let isPlain = id.utf8.allSatisfy {
      (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
        || $0 == UInt8(ascii: "-") || $0 == UInt8(ascii: ".") || $0 == UInt8(ascii: "_")
    }
    guard isPlain, (1...128).contains(id.utf8.count), !id.hasPrefix(".") else {
      throw StepFailure(
        code: "BadInstanceName", disposition: .stop,
        message:
          "\"\(id)\" can't name an instance: use 1 to 128 letters, digits, dots, hyphens and "
          + "underscores, with no dot at the start.")
    }
    guard !listeners.entries.isEmpty else {
      throw StepFailure(
        code: ShimFleet.noListenerCode, disposition: .retry,
        message: "The instance \(id) has no public listener; configure the listeners first.")
    }
    guard instances.count < Bounds.instancesKnownMax else {
      throw StepFailure(
        code: "TooManyInstances", disposition: .stop,
        message:
          "\(instances.count) instances are on record, the most there may be; forget dead ones.")
    }
  }

  /// The code of the failure of a start without listeners, as by a shim that is new.
  static let noListenerCode = "NoListener"

  private func instance(_ id: InstanceID) -> OwnedInstance? {
    instances.first { $0.record.id == id }
  }

  // MARK: Records

  private func saveRecords(adding record: InstanceRecord? = nil) throws(SystemError) {
    let records = instances.map(\.record) + (record.map { [$0] } ?? [])
    try directory.save(listeners: listeners.records, instances: records)
    isUnsaved = record != nil
  }

  private func save() throws(StepFailure) {
    do throws(SystemError) {
      try saveRecords()
    } catch {
      isUnsaved = true
      throw error.failure(code: "ShimRecordsUnsaved", next: "make the file writable")
    }
  }

  private func saveIfNeeded() {
    guard isUnsaved else { return }
    // Tried again at each housekeeping; what it tells is also seen by looking at the processes.
    try? saveRecords()
  }

  /// The variable by which an instance's descendants are told from all other processes.
  static let cookieName = "WINDLASS_INSTANCE"
}
