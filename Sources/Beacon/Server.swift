import Glibc
import NIOCore
import NIOHTTP1
import NIOPosix

/// The running server: its listeners, its connections, and how it ends.
///
/// One event loop serves. An accepted connection is on its way to the loop before anything that
/// the acceptor says later, so the end of accepting never overtakes one, and the server ends only
/// when all of them have.
final class Server {
  /// What `/healthz` says.
  enum Health: String, Sendable {
    case ready, draining, unhealthy
  }

  let release: BeaconRelease
  private(set) var health = Health.ready
  private(set) var isDraining = false

  private let loop: any EventLoop
  private let endpoints: Endpoints
  private let drain: TimeAmount
  private let faultDelay: TimeAmount
  private var publicAcceptors: [Acceptor] = []
  private var connections: [ObjectIdentifier: HTTPConnection] = [:]
  private var isFaultScheduled = false
  private var exitStatus: Int32 = 0
  private var hasEnded = false
  private let ended: EventLoopPromise<Int32>

  /// Makes a server on the loop, which it must be called on; `ended` gets the exit status.
  init(
    arguments: Arguments, endpoints: Endpoints, loop: any EventLoop,
    ended: EventLoopPromise<Int32>
  ) {
    release = arguments.release
    self.loop = loop
    self.endpoints = endpoints
    drain = .milliseconds(arguments.drainMilliseconds)
    faultDelay = .milliseconds(arguments.faultAfterMilliseconds)
    self.ended = ended
  }

  /// Starts to accept on the listener.
  func accept(on listener: Listener) throws {
    let acceptor = try Acceptor(listener)
    if listener.isPublic { publicAcceptors.append(acceptor) }
    let confined = NIOLoopBound(self, eventLoop: loop)
    acceptor.start(
      accepted: { [loop] descriptor in
        loop.execute { confined.value.serve(descriptor, isPublic: listener.isPublic) }
      },
      ended: { [loop] in
        loop.execute { confined.value.acceptingEnded() }
      })
  }

  /// Answers a request of one of the connections.
  func reply(to request: IncomingRequest, isPublic: Bool) -> EventLoopFuture<Reply> {
    if isPublic { scheduleFault() }
    return endpoints.reply(to: request, health: health, on: loop)
  }

  /// Hears that one of the connections has sent a whole reply.
  func replySent() { endWhenDone() }

  /// Stops accepting, lets every connection end after its next reply, and ends the server when
  /// the last one is gone or the deadline has passed. A second call changes nothing.
  func beginDrain(_ reason: String) {
    guard !isDraining else { return }
    isDraining = true
    if health == .ready { health = .draining }
    log("draining \(connectionsPublic.count) connections because of \(reason)")
    for acceptor in publicAcceptors { acceptor.stop() }
    loop.assumeIsolated().scheduleTask(in: drain) { self.endAtDeadline() }
  }

  private var connectionsPublic: [HTTPConnection] { connections.values.filter(\.isPublic) }

  private func serve(_ descriptor: CInt, isPublic: Bool) {
    let connection = HTTPConnection(server: self, isPublic: isPublic)
    let confined = NIOLoopBound(connection, eventLoop: loop)
    connections[ObjectIdentifier(connection)] = connection
    ClientBootstrap(group: loop)
      .channelOption(.allowRemoteHalfClosure, value: true)
      .channelInitializer { channel in
        channel.eventLoop.makeCompletedFuture {
          let pipeline = channel.pipeline.syncOperations
          try pipeline.configureHTTPServerPipeline()
          try pipeline.addHandler(confined.value)
        }
      }
      .withConnectedSocket(descriptor)
      .flatMap(\.closeFuture).assumeIsolated().whenComplete { _ in
        self.connections[ObjectIdentifier(connection)] = nil
        self.endWhenDone()
      }
  }

  /// Hears that a public listener is closed; every connection that it gave is in the table.
  private func acceptingEnded() {
    publicAcceptors.removeLast()
    endWhenDone()
  }

  private func endWhenDone() {
    guard isDraining, publicAcceptors.isEmpty,
      !connections.values.contains(where: { $0.isPublic || $0.isBusy })
    else {
      return
    }
    end(exitStatus)
  }

  private func end(_ status: Int32) {
    guard !hasEnded else { return }
    hasEnded = true
    ended.succeed(status)
  }

  private func endAtDeadline() {
    let busy = connectionsPublic.filter(\.isBusy).count
    log(
      "the drain deadline of \(drain.nanoseconds / 1_000_000) ms has passed: "
        + "\(busy) requests unfinished, \(connectionsPublic.count - busy) idle connections closed")
    end(busy > 0 ? 75 : exitStatus)
  }

  // MARK: A faulty release

  /// Starts the clock of a faulty release with its first real request: a fault that shows under
  /// real traffic alone, and so not in a rehearsal.
  private func scheduleFault() {
    guard release.fault != .none, !isFaultScheduled else { return }
    isFaultScheduled = true
    loop.assumeIsolated().scheduleTask(in: faultDelay) { self.beginFault() }
  }

  private func beginFault() {
    switch release.fault {
    case .none: break
    case .failing:
      health = .unhealthy
      exitStatus = 70
      beginDrain("a fault of release \(release.name)")
    case .aborting:
      abortWhenBusy()
    }
  }

  /// Waits for a moment with a request in flight, so that the abort is sure to lose one.
  private func abortWhenBusy() {
    let busy = connectionsPublic.filter(\.isBusy).count
    guard busy > 0 else {
      loop.assumeIsolated().scheduleTask(in: .milliseconds(1)) { self.abortWhenBusy() }
      return
    }
    log("aborting with \(busy) requests in flight on \(connectionsPublic.count) connections")
    var limit = rlimit(rlim_cur: 0, rlim_max: 0)
    setrlimit(__rlimit_resource_t(RLIMIT_CORE.rawValue), &limit)
    signal(SIGABRT, SIG_DFL)
    raise(SIGABRT)
  }

  private func log(_ message: String) { Log.write("release \(release.name): \(message)") }
}
