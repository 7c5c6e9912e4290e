import KubernetesFleet
package import WindlassCore
package import WindlassSimulation

/// One simulated API server that many clients ask at once, on the time of a clock.
package actor ClusterHost {
  private var server: SimulatedAPIServer
  private let clock: any RunClock
  /// Told when a watch may have something to say.
  private let news = Signal()

  /// Takes over a server; from now on its time is the clock's.
  package init(_ server: SimulatedAPIServer, clock: any RunClock) {
    self.server = server
    self.clock = clock
  }

  /// Answers a request, after the time that the server itself lets pass.
  package func respond(to request: APIRequest) async -> APIResponse {
    let (revision, next) = (server.revision, server.nextTask)
    let answer = server.respond(to: request, at: clock.now())
    // Nothing but a write gives watches something to say, now or earlier than they thought.
    if server.revision != revision || server.nextTask != next { news.send() }
    if answer.delay > 0 { await clock.sleep(until: clock.now() + .milliseconds(answer.delay)) }
    return answer
  }

  /// Waits until a watch has something to say, or has ended; nil when the task is cancelled.
  package func next(of watch: WatchIdentity) async -> WatchReport? {
    while !Task.isCancelled {
      // Read before the server: what happens in between ends the wait at once.
      let seen = news.count
      let report = server.drain(watch, until: clock.now())
      if !report.events.isEmpty || report.ended != nil || report.isCut { return report }
      await news.wait(after: seen, orUntil: server.nextNews(of: watch), clock)
    }
    return nil
  }

  /// Waits as long as somebody waits who gets no answer.
  package func keepWaiting(for interval: Interval) async {
    await clock.sleep(until: clock.now() + interval)
  }

  /// Forgets a watch whose client has gone.
  package func close(_ watch: WatchIdentity) { server.close(watch) }

  /// Watches that clients have open.
  package var openWatches: Int { server.openWatches }

  /// What was asked so far.
  var tally: RequestTally { RequestTally(server.requestCounts) }

  /// Looks at the server itself, of which nobody notices anything.
  package func look<Result: Sendable>(
    _ body: @Sendable (SimulatedAPIServer) -> Result
  ) -> Result {
    body(server)
  }

  /// Changes the server itself: its faults, users, history.
  package func change<Result: Sendable>(
    _ body: @Sendable (inout SimulatedAPIServer) -> Result
  ) -> Result {
    server.advance(to: clock.now())
    defer { news.send() }
    return body(&server)
  }
}
