import CLinux
import Glibc
import WindlassCore
import WindlassWire

/// The shim's loop: one thread that waits for requests, for ends of processes and for what is due.
final class ShimServer {
  private let fleet: ShimFleet
  private let listener: Descriptor
  private var connections: [ShimConnection] = []
  private var mustLeave = false

  /// Opens the socket in the state directory; the caller holds the directory's lock, so a socket
  /// that is there already is a dead shim's.
  init(fleet: ShimFleet, directory: ShimDirectory) throws(SystemError) {
    self.fleet = fleet
    let type =
      Int32(SOCK_STREAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue) | Int32(SOCK_NONBLOCK.rawValue)
    listener = try Descriptor.checked(socket(AF_UNIX, type, 0), "socket", directory.socket)
    unlink(directory.socket)
    var (address, opened) = try directory.socketAddress()
    let size = socklen_t(MemoryLayout<sockaddr_un>.size)
    let number = listener.number
    let result = withUnsafePointer(to: &address) { pointer in
      pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(number, $0, size) }
    }
    withExtendedLifetime(opened) {}
    guard result == 0 else { throw SystemError("bind", directory.socket) }
    guard listen(number, Int32(Bounds.shimClientsMax)) == 0 else {
      throw SystemError("listen", directory.socket)
    }
  }

  /// Serves until it is told to leave.
  func run() {
    while !mustLeave {
      wait()
      fleet.advance()
    }
  }

  private func wait() {
    let acceptsMore = connections.count < Bounds.shimClientsMax
    var entries = [
      pollfd(fd: acceptsMore ? listener.number : -1, events: Int16(POLLIN), revents: 0)
    ]
    entries += connections.map { pollfd(fd: $0.socket.number, events: $0.events, revents: 0) }
    // The processes' ends are only waited for here; `advance` looks at each.
    let watched = fleet.watched
    entries += watched.map { pollfd(fd: $0.number, events: Int16(POLLIN), revents: 0) }
    let timeout = fleet.timeToNext().map { Int32(clamping: $0) } ?? -1
    guard poll(&entries, nfds_t(entries.count), timeout) > 0 else { return }
    withExtendedLifetime(watched) {}

    for (connection, entry) in zip(connections, entries.dropFirst()) where entry.revents != 0 {
      if entry.revents & Int16(POLLOUT) != 0 { connection.flush() }
      if entry.revents & Int16(POLLIN | POLLHUP | POLLERR) != 0 {
        for message in connection.receive() { connection.send(answer(message).bytes) }
      }
    }
    connections.removeAll(where: \.isOver)
    if entries[0].revents != 0 { accept() }
  }

  private func accept() {
    let number = clinux_accept(listener.number)
    guard number >= 0 else { return }
    let socket = Descriptor(owning: number)
    var peer: uid_t = 0
    // The directory keeps others out already; this holds even where its mode was changed.
    guard clinux_peer_uid(number, &peer) == 0, peer == geteuid() || peer == 0 else { return }
    connections.append(ShimConnection(socket))
  }

  private func answer(_ message: ShimConnection.Message) -> JSONValue {
    do {
      let limits = JSONLimits(sizeMax: Bounds.controlMessageMax)
      let json = try JSONValue.parse(message.line, limits: limits)
      let version = json["protocol"]?.integer
      guard version == ShimRequest.protocolVersion else {
        return ShimServer.refusal(
          "ShimProtocolDiffers",
          "The shim speaks protocol \(ShimRequest.protocolVersion), and was asked in "
            + "\(version.map(String.init) ?? "none"). Stop the instances and the shim, then start "
            + "the daemon again.")
      }
      guard let request = try ShimRequest(json: json) else {
        return ShimServer.refusal("UnknownShimCommand", "The shim does not know this command.")
      }
      try perform(request, message.descriptors)
      return fleet.reading().json
    } catch let failure as StepFailure {
      return failure.shimJSON
    } catch {
      return ShimServer.refusal("BadShimRequest", "The shim can't read the request: \(error).")
    }
  }

  private func perform(
    _ request: ShimRequest, _ descriptors: [Descriptor]
  ) throws(StepFailure) {
    switch request {
    case .read: fleet.advance()
    case .configure(let listeners, let backlog):
      try fleet.configure(listeners, backlog: backlog)
    case .start(let order):
      guard let executable = descriptors.first else {
        throw StepFailure(
          code: "BadShimRequest", disposition: .stop,
          message: "A start needs the executable as an open descriptor beside it.")
      }
      try fleet.start(order, executable: executable)
    case .stop(let id, let patience): try fleet.stop(id, patience: patience)
    case .forget(let id): try fleet.forget(id)
    case .leave:
      guard fleet.isEmpty else {
        throw StepFailure(
          code: "InstanceAlive", disposition: .stop,
          message: "Instances may still be alive; the shim leaves when all are dead.")
      }
      mustLeave = true
    }
  }

  private static func refusal(_ code: String, _ message: String) -> JSONValue {
    StepFailure(code: code, disposition: .stop, message: message).shimJSON
  }
}
