import Testing

@testable import windlass

/// The load generator must see every way to lose a request, and count each exactly.
@Suite(.serialized)
struct LoadGeneratorTests {
  /// Runs a load on the server until that many requests have arrived there.
  private func load(
    _ arrivals: Int, keepAlive: Int = 2, newConnection: Int = 2,
    _ conduct: @escaping @Sendable (_ arrival: Int) -> UnreliableServer.Conduct
  ) async throws -> (tally: LoadTally, losses: [String], arrivals: Int) {
    let server = try UnreliableServer(conduct)
    let shape = LoadShape(
      rate: 2_000, keepAliveClients: keepAlive, newConnectionClients: newConnection,
      slowUploadClients: 0, timeout: 10)
    var traffic = BeaconTraffic(authority: "127.0.0.1:\(server.port)")
    traffic.writeEvery = 0
    let generator = try LoadGenerator(port: server.port, shape: shape, traffic: traffic)
    while server.requests < arrivals { await Task.yield() }
    let tally = generator.stop()
    server.stop()
    return (tally, generator.losses(), server.requests)
  }

  @Test func `a server that answers everything loses nothing`() async throws {
    let outcome = try await load(400) { _ in .answer }
    #expect(outcome.tally.lost == 0)
    #expect(outcome.tally.retried == 0)
    #expect(outcome.tally.total == outcome.arrivals)
    #expect(outcome.tally.repliesByServer == ["test/1": outcome.arrivals])
    #expect(outcome.losses == [])
  }

  @Test(arguments: [
    UnreliableServer.Conduct.cutReply, .answerForAnother, .answerWrongly, .fail,
  ])
  func `each bad reply is one lost request`(bad: UnreliableServer.Conduct) async throws {
    let outcome = try await load(300) { $0.isMultiple(of: 7) ? bad : .answer }
    #expect(outcome.tally.lost == outcome.arrivals / 7)
    #expect(outcome.tally.retried == 0)
    #expect(outcome.tally.total == outcome.arrivals)
    #expect(outcome.losses.count == min(outcome.arrivals / 7, LoadGenerator.lossesKept))
  }

  @Test func `a silent close on a new connection is a loss, and is not retried`() async throws {
    let outcome = try await load(300, keepAlive: 0) {
      $0.isMultiple(of: 7) ? .closeSilently : .answer
    }
    #expect(outcome.tally.lost == outcome.arrivals / 7)
    #expect(outcome.tally.retried == 0)
    #expect(outcome.tally.total == outcome.arrivals)
  }

  @Test func `a connection that ends with its reply, as announced, costs nothing`() async throws {
    let outcome = try await load(300) { $0.isMultiple(of: 3) ? .answerAndClose : .answer }
    #expect(outcome.tally.lost == 0)
    #expect(outcome.tally.retried == 0)
    #expect(outcome.tally.total == outcome.arrivals)
  }

  @Test func `a reused connection that was closed is retried, once, and counted`() async throws {
    let outcome = try await load(300, newConnection: 0) {
      $0.isMultiple(of: 5) ? .answerAndVanish : .answer
    }
    #expect(outcome.tally.lost == 0)
    #expect(outcome.tally.total == outcome.arrivals)
    // The last ones may have had no request after them.
    let vanished = outcome.arrivals / 5
    #expect((vanished - 2...vanished).contains(outcome.tally.retried))
  }

  @Test func `a port that nobody listens on loses every request`() async throws {
    let server = try UnreliableServer { _ in .answer }
    server.stop()
    let shape = LoadShape(
      rate: 1_000, keepAliveClients: 1, newConnectionClients: 1, slowUploadClients: 1)
    let traffic = BeaconTraffic(authority: "127.0.0.1:\(server.port)")
    let generator = try LoadGenerator(port: server.port, shape: shape, traffic: traffic)
    while generator.tally().total < 20 { await Task.yield() }
    let tally = generator.stop()
    #expect(tally.lost == tally.total)
    #expect(tally.latencies.quantile(0.5) == nil)
    #expect(generator.losses().count == LoadGenerator.lossesKept)
  }
}

struct LatencyHistogramTests {
  @Test func `a quantile is exact for small times and within a sixteenth for large ones`() {
    var histogram = LatencyHistogram()
    for value in 1...10 { histogram.add(microseconds: Int64(value)) }
    #expect(histogram.quantile(0.5) == 5)
    #expect(histogram.quantile(1) == 10)
    for value: Int64 in [17, 100, 999, 12_345, 9_999_999] {
      var single = LatencyHistogram()
      single.add(microseconds: value)
      let upper = single.quantile(0.99) ?? 0
      #expect(upper >= value && upper - value <= value / 16 + 1)
    }
  }

  @Test func `adding two histograms is counting in one`() {
    var left = LatencyHistogram()
    var right = LatencyHistogram()
    var both = LatencyHistogram()
    for value in 0..<1_000 {
      let time = Int64(value * value)
      if value.isMultiple(of: 2) {
        left.add(microseconds: time)
      } else {
        right.add(microseconds: time)
      }
      both.add(microseconds: time)
    }
    left.add(right)
    #expect(left == both)
  }
}
