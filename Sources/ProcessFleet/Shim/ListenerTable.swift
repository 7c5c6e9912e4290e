import Glibc
import WindlassCore

/// The public listeners of a service, bound once and held by the shim and every instance.
struct ListenerTable {
  /// One listener that the shim holds.
  struct Entry {
    var record: ListenerRecord
    var socket: ListeningSocket
    var revivals: Int64 = 0
  }

  private(set) var entries: [Entry] = []
  /// Why listeners of an earlier shim could not be taken back, by name.
  private var losses: [String: String] = [:]

  /// What is kept of them on disk.
  var records: [ListenerRecord] { entries.map(\.record) }

  /// What the daemon is told of them.
  var readings: [ListenerReading] {
    entries.map {
      ListenerReading(name: $0.record.name, address: $0.socket.address, revivals: $0.revivals)
    }
  }

  /// Takes the recorded listeners back from a living instance; those of which no instance has one
  /// any more are bound anew when they are next asked for.
  mutating func takeBack(
    _ records: [ListenerRecord], from holders: [(pid: Int32, pidfd: Descriptor)]
  ) {
    for record in records {
      for holder in holders where !entries.contains(where: { $0.record.name == record.name }) {
        do throws(SystemError) {
          let socket = try ListeningSocket.take(
            inode: record.inode, from: holder.pid, pidfd: holder.pidfd)
          entries.append(Entry(record: record, socket: socket))
          losses[record.name] = nil
        } catch {
          if error.number != ESRCH { losses[record.name] = error.description }
        }
      }
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
    for specification in wanted
    where !entries.contains(where: { $0.record.name == specification.name }) {
      entries.append(try bind(specification, backlog: backlog))
    }
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
    do throws(SystemError) {
      let socket = try ListeningSocket.bind(to: specification.address, backlog: backlog)
      return Entry(
        record: ListenerRecord(
          name: specification.name, requested: specification.address, bound: socket.address,
          inode: socket.inode, backlog: backlog),
        socket: socket)
    } catch {
      throw failure(error, specification)
    }
  }

  private func failure(
    _ error: SystemError, _ specification: ListenerSpecification
  ) -> StepFailure {
    let name = "the listener \"\(specification.name)\""
    guard error.number == EADDRINUSE else {
      return error.failure(
        code: "ListenerNotBound", next: "choose an address for \(name) that can be bound",
        isPermanent: true)
    }
    var message = "The port of \(name) is in use: "
    message += PortHolder.sentence(for: specification.address) + ". "
    if let loss = losses[specification.name] {
      message +=
        "An instance of this service holds the socket, but it could not be taken back (\(loss)); "
      message += "allow it (kernel.yama.ptrace_scope=0, or CAP_SYS_PTRACE), or stop the instance."
    } else {
      message += "Stop that process, or choose another address."
    }
    return StepFailure(code: "PortInUse", disposition: .wait, message: message)
  }
}
