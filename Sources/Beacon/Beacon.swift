import Glibc
import NIOCore
import NIOPosix

/// The example service: a small feature-flag server in several releases.
@main
struct Beacon {
  static func main() {
    do {
      exit(try run(Arguments(Array(CommandLine.arguments.dropFirst()))))
    } catch {
      complain("\(error)")
      exit(1)
    }
  }

  /// Serves until a signal or a fault ends it, and returns the exit status.
  private static func run(_ arguments: Arguments) throws -> Int32 {
    // Every thread inherits the mask, so the signals reach nobody but the thread that waits.
    var signals = sigset_t()
    sigemptyset(&signals)
    sigaddset(&signals, SIGTERM)
    sigaddset(&signals, SIGINT)
    pthread_sigmask(SIG_BLOCK, &signals, nil)
    signal(SIGPIPE, SIG_IGN)

    let database = try Database(arguments.database, release: arguments.release)
    let listeners = try listeners(arguments)
    let loop = MultiThreadedEventLoopGroup(numberOfThreads: 1).next()
    let ended = loop.makePromise(of: Int32.self)
    let endpoints = Endpoints(
      release: arguments.release, store: FlagStore(database: database))
    let server = try loop.submit {
      NIOLoopBound(
        Server(arguments: arguments, endpoints: endpoints, loop: loop, ended: ended),
        eventLoop: loop)
    }.wait()
    // The private listeners first: whoever watches over the start learns of it before clients do.
    for listener in listeners.sorted(by: { !$0.isPublic && $1.isPublic }) {
      try loop.submit { try server.value.accept(on: listener) }.wait()
    }
    let names = listeners.map(\.name).joined(separator: ", ")
    Log.write("release \(arguments.release.name): serving on \(names)")
    waitForSignals(signals) { reason in
      loop.execute { server.value.beginDrain(reason) }
    }
    return try ended.futureResult.wait()
  }

  private static func listeners(_ arguments: Arguments) throws(StartupError) -> [Listener] {
    if let address = arguments.listenAddress { return [try Listener.bound(to: address)] }
    let inherited = try Listener.inherited()
    guard !inherited.isEmpty else {
      throw StartupError(
        "beacon: no socket was inherited (LISTEN_FDS) and --listen was not given.")
    }
    return inherited
  }

  /// Waits on a thread of its own; it ends with the process.
  private static func waitForSignals(
    _ signals: sigset_t, _ received: @escaping @Sendable (String) -> Void
  ) {
    let thread = NIOThreadPool(numberOfThreads: 1)
    thread.start()
    thread.submit { _ in
      var signals = signals
      var number: Int32 = 0
      while sigwait(&signals, &number) == 0 {
        received(number == SIGINT ? "SIGINT" : "SIGTERM")
      }
    }
  }

  private static func complain(_ message: String) {
    var line = message + "\n"
    line.withUTF8 { bytes in
      // A complaint that cannot be written has nowhere to be reported.
      _ = write(STDERR_FILENO, bytes.baseAddress, bytes.count)
    }
  }
}
