import Synchronization
import WindlassCore

/// How much load, and by which clients.
struct LoadShape: Hashable, Sendable {
  /// Requests a second by all quick clients together.
  var rate = 2_400
  /// Clients that keep their connection for as long as the server does.
  var keepAliveClients = 10
  /// Clients that connect anew for each request; together a quarter of the rate.
  var newConnectionClients = 4
  /// Clients that send their bodies slowly, one after the other without a pause.
  var slowUploadClients = 3
  /// Seconds that one wait for a reply may take before the request counts as lost.
  var timeout = 15
}

/// Clients that number every request and account for each reply.
///
/// A request is lost when it has no complete, correct reply of its own. A request on a reused
/// connection that was closed before any byte of a reply is sent once more, on a new connection,
/// and counted as retried (it never reached a server that could answer it).
final class LoadGenerator: Sendable {
  /// Losses that are kept in words.
  static let lossesKept = 20

  private let clients: [LoadClient]
  private let threads: [PlainThread]
  private let ledger: LoadLedger

  /// Starts the load on a port of 127.0.0.1.
  init(port: UInt16, shape: LoadShape, traffic: BeaconTraffic) throws(CommandFailure) {
    let ledger = LoadLedger()
    var clients: [LoadClient] = []
    let fresh = shape.newConnectionClients
    let kept = shape.keepAliveClients
    let freshRate = kept == 0 ? shape.rate : fresh == 0 ? 0 : shape.rate / 4
    let add = { (kind: LoadClient.Kind, count: Int, rate: Int) in
      for index in 0..<count {
        let interval = rate > 0 ? Int64(count) * 1_000_000_000 / Int64(rate) : 0
        clients.append(
          LoadClient(
            kind: kind, port: port, timeout: shape.timeout, interval: interval,
            offset: interval * Int64(index) / Int64(count), traffic: traffic, ledger: ledger))
      }
    }
    add(.keepAlive, kept, shape.rate - freshRate)
    add(.newConnection, fresh, freshRate)
    add(.slowUpload, shape.slowUploadClients, 0)
    self.ledger = ledger
    self.clients = clients
    var threads: [PlainThread] = []
    for client in clients {
      threads.append(try PlainThread("load") { client.run() })
    }
    self.threads = threads
  }

  /// What was done so far; cheap enough to ask many times a second.
  func tally() -> LoadTally {
    var sum = LoadTally()
    for client in clients { sum.add(client.tally()) }
    return sum
  }

  /// The first losses, in words.
  func losses() -> [String] { ledger.losses.withLock { $0 } }

  /// Lets every client finish its request, and returns the final tally.
  func stop() -> LoadTally {
    ledger.isStopped.store(true, ordering: .relaxed)
    for thread in threads { thread.join() }
    return tally()
  }
}

/// What the clients of one load share.
final class LoadLedger: Sendable {
  let isStopped = Atomic(false)
  let losses = Mutex<[String]>([])
  private let number = Atomic(0)

  /// The next request's number, from 1.
  func nextNumber() -> Int { number.wrappingAdd(1, ordering: .relaxed).newValue }

  /// Keeps a loss in words, while there is room.
  func record(_ loss: String) {
    losses.withLock { if $0.count < LoadGenerator.lossesKept { $0.append(loss) } }
  }
}
