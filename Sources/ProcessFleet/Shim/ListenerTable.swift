import Glibc
import WindlassCore

/// The public listeners of a service, bound once and held by the shim and every instance.
struct ListenerTable {
  /// One listener that the shim holds.
  struct Entry {
    /// What is kept on disk.
    var record: ListenerRecord
    /// The open socket.
    var socket: ListeningSocket
    /// How often it was found not to listen.
    var revivals: Int64 = 0
  }

  /// What is held, in the order in which instances get it.
  private(set) var entries: [Entry] = []
  /// What an earlier shim held and this one does not: bound anew, at the same address, when it is
  /// next asked for.
  private var missing: [ListenerRecord] = []
  /// Why missing ones could not be taken back from an instance that has them, by name.
  private var losses: [String: String] = [:]

  /// What is kept of them on disk.
  var records: [ListenerRecord] { entries.map(\.record) + missing }

  /// What the daemon is told of them.
  var readings: [ListenerReading] {
    entries.map {
      ListenerReading(name: $0.record.name, address: $0.socket.address, revivals: $0.revivals)
    }
  }

  /// Takes the recorded listeners back from a living instance.
  mutating func takeBack(
    _ records: [ListenerRecord], from holders: [(pid: Int32, pidfd: Descriptor)]
  ) {
    for record in records {
      for holder in holders where !holds(record.name) {
        do throws(SystemError) {
          let socket = try ListeningSocket.take(
            inode: record.inode, from: holder.pid, pidfd: holder.pidfd)
          entries.append(Entry(record: record, socket: socket))
          losses[record.name] = nil
        } catch {
          if error.number != ESRCH { losses[record.name] = error.description }
        }
      }
      if !holds(record.name) { missing.append(record) }
    }
    keepListening()
  }

  /// Binds what is asked for and not there yet.
  ///
  /// - Parameter isInUse: whether an instance may be alive; then no listener changes its address.
  mutating func configure(
    _ wanted: [ListenerSpecification], backlog: Int32, isInUse: Bool
  ) throws(StepFailure) {
    try ListenerTable.check(wanted)
    for specification in wanted {
      let held = entries.first { $0.record.name == specification.name }
      if let held, held.record.requested != specification.address, isInUse {
        throw StepFailure(
          code: "ListenerChanged", disposition: .stop,
          message:
            "The listener \"\(specification.name)\" is bound to \(held.socket.address), and "
            + "instances serve on it; it can't become \(specification.address). Stop the "
            + "instances first, or put the old address back.")
      }
    }
    if !isInUse {
      entries.removeAll { entry in
        !wanted.contains { $0.name == entry.record.name && $0.address == entry.record.requested }
      }
    }
    for specification in wanted where !holds(specification.name) {
      if isInUse, let loss = losses[specification.name] {
        throw ListenerTable.lost(specification, loss)
      }
      entries.append(try bind(specification, backlog: backlog))
      missing.removeAll { $0.name == specification.name }
    }
    if !isInUse { missing = [] }
    for index in entries.indices { entries[index].record.backlog = backlog }
    keepListening()
  }

  /// Checks that every socket still listens, makes those listen again that do not, and sets the
  /// backlog again, which an instance's own call of `listen` has changed.
  mutating func keepListening() {
    for index in entries.indices {
      let entry = entries[index]
      if !entry.socket.isListening { entries[index].revivals += 1 }
      // It fails for no bound socket; if it ever did, the next pass would try again.
      try? entry.socket.listenAgain(backlog: entry.record.backlog)
    }
  }

  private func holds(_ name: String) -> Bool { entries.contains { $0.record.name == name } }

  private static func check(_ wanted: [ListenerSpecification]) throws(StepFailure) {
    var seen: Set<String> = [ListenerTable.privateName]
    for specification in wanted {
      let name = specification.name
      let isPlain = name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: ":") }
      guard isPlain, (1...64).contains(name.utf8.count), seen.insert(name).inserted else {
        throw StepFailure(
          code: "BadListener", disposition: .stop,
          message:
            "The listener's name \"\(name)\" can't be used: names are 1 to 64 characters without "
            + "blanks and colons, each once, and \"\(ListenerTable.privateName)\" is taken.")
      }
    }
  }

  /// The name of the listener that every instance has to itself.
  static let privateName = "http-private"

  private func bind(
    _ specification: ListenerSpecification, backlog: Int32
  ) throws(StepFailure) -> Entry {
    let earlier = missing.first {
      $0.name == specification.name && $0.requested == specification.address
    }
    let address = earlier?.bound ?? specification.address
    do throws(SystemError) {
      let socket = try ListenerTable.bind(address, or: specification.address, backlog: backlog)
      return Entry(
        record: ListenerRecord(
          name: specification.name, requested: specification.address, bound: socket.address,
          inode: socket.inode, backlog: backlog),
        socket: socket)
    } catch {
      throw ListenerTable.failure(error, specification.name, address)
    }
  }

  /// Binds the address; where it is taken and the kernel may choose another one, it does.
  private static func bind(
    _ address: SocketAddress, or requested: SocketAddress, backlog: Int32
  ) throws(SystemError) -> ListeningSocket {
    do throws(SystemError) {
      return try ListeningSocket.bind(to: address, backlog: backlog)
    } catch {
      guard error.number == EADDRINUSE, requested.port == 0 else { throw error }
      return try ListeningSocket.bind(to: requested, backlog: backlog)
    }
  }

  private static func failure(
    _ error: SystemError, _ name: String, _ address: SocketAddress
  ) -> StepFailure {
    guard error.number == EADDRINUSE else {
      return error.failure(
        code: "ListenerNotBound",
        next: "choose an address for the listener \"\(name)\" that can be bound", isPermanent: true)
    }
    return StepFailure(
      code: "PortInUse", disposition: .wait,
      message:
        "The port of the listener \"\(name)\" is in use: \(PortHolder.sentence(for: address)). "
        + "Stop that process, or choose another address.")
  }

  private static func lost(_ specification: ListenerSpecification, _ loss: String) -> StepFailure {
    StepFailure(
      code: "ListenerLost", disposition: .wait,
      message:
        "An instance of this service holds the listener \"\(specification.name)\" and serves on "
        + "it, but the socket could not be taken back from it (\(loss)), so no other instance can "
        + "join. Allow it (kernel.yama.ptrace_scope=0, or CAP_SYS_PTRACE) and end the shim, or "
        + "stop the service's instances.")
  }
}
