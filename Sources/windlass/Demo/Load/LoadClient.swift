import Synchronization

/// One client of a load; `run` is its thread.
final class LoadClient: Sendable {
  /// How a client uses connections.
  enum Kind: String, Sendable {
    case keepAlive = "keep-alive"
    case newConnection = "new connection"
    case slowUpload = "slow upload"
  }

  private let kind: Kind
  private let port: UInt16
  private let timeout: Int
  /// Nanoseconds from one request to the next; 0 for one after the other.
  private let interval: Int64
  private let offset: Int64
  private let traffic: BeaconTraffic
  private let ledger: LoadLedger
  private let counts = Mutex(LoadTally())

  init(
    kind: Kind, port: UInt16, timeout: Int, interval: Int64, offset: Int64,
    traffic: BeaconTraffic, ledger: LoadLedger
  ) {
    self.kind = kind
    self.port = port
    self.timeout = timeout
    self.interval = interval
    self.offset = offset
    self.traffic = traffic
    self.ledger = ledger
  }

  /// What this client has done so far.
  func tally() -> LoadTally { counts.withLock { $0 } }

  /// Sends one request after the other, at its pace, until the load is stopped.
  func run() {
    var connection: LoadConnection?
    var due = LoadClock.now() + offset
    while !ledger.isStopped.load(ordering: .relaxed) {
      LoadClock.sleep(until: due)
      // A client that fell behind catches up, but for a second's worth at most.
      due = max(due + interval, LoadClock.now() - 1_000_000_000)
      perform(request(), over: &connection)
      if kind != .keepAlive { connection = nil }
    }
  }

  private func request() -> LoadRequest {
    let number = ledger.nextNumber()
    return switch kind {
    case .keepAlive: traffic.quick(number, closing: false)
    case .newConnection: traffic.quick(number, closing: true)
    case .slowUpload: traffic.slow(number)
    }
  }

  private func perform(_ request: LoadRequest, over connection: inout LoadConnection?) {
    let start = LoadClock.now()
    var wasRetried = false
    var loss: String?
    var reply: LoadReply?
    while reply == nil, loss == nil {
      let isReused = (connection?.replies ?? 0) > 0
      do throws(ExchangeFailure) {
        reply = try exchange(request, over: &connection)
      } catch {
        connection = nil
        if error.isSilentClose, isReused, request.isIdempotent, !wasRetried {
          wasRetried = true
        } else {
          loss = error.reason
        }
      }
    }
    if let reply { loss = reply.fault(for: request) }
    let microseconds = (LoadClock.now() - start) / 1_000
    counts.withLock { tally in
      tally.total += 1
      if wasRetried { tally.retried += 1 }
      if loss != nil { tally.lost += 1 }
      guard let reply, loss == nil else { return }
      tally.repliesByServer[reply.server, default: 0] += 1
      // An upload's time is its own pauses, and says nothing about the server.
      if kind != .slowUpload { tally.latencies.add(microseconds: microseconds) }
    }
    if let loss {
      ledger.record("request \(request.number) (\(kind.rawValue), \(request.title)): \(loss)")
    }
  }

  private func exchange(
    _ request: LoadRequest, over connection: inout LoadConnection?
  ) throws(ExchangeFailure) -> LoadReply {
    let current: LoadConnection
    if let open = connection {
      current = open
    } else {
      current = try LoadConnection(port: port, timeout: timeout)
      connection = current
    }
    let reply = try current.exchange(request)
    if reply.closes { connection = nil }
    return reply
  }
}
