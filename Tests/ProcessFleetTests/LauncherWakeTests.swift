import Glibc
import Synchronization
import Testing
import WindlassCore
import WindlassWire

@testable import ProcessFleet

/// How a launcher is told that there are new orders.
@Suite struct LauncherWakeTests {
  /// Keeps what it was sent, and answers with a status.
  private final class Recorder: HTTPTransport {
    private let sent = Mutex<[(request: HTTPRequest, limits: HTTPLimits)]>([])
    private let status: Int

    init(_ status: Int) { self.status = status }

    var first: (request: HTTPRequest, limits: HTTPLimits)? { sent.withLock(\.first) }

    func send(_ request: HTTPRequest, limits: HTTPLimits) throws(HTTPError) -> HTTPResponse {
      sent.withLock { $0.append((request, limits)) }
      return HTTPResponse(status: status, headers: [], body: [])
    }

    func stream(
      _ request: HTTPRequest, limits: HTTPLimits,
      into sink: @escaping @Sendable (UnsafeRawBufferPointer) throws -> Void
    ) throws(HTTPError) -> HTTPResponse { try send(request, limits: limits) }
  }

  private let orders = LauncherOrders(sequence: 3)

  @Test func `a webhook gets the orders, in this pod alone`() async throws {
    let recorder = Recorder(202)
    let wake = LauncherWake.webhook("http://127.0.0.1:9000/orders")
    try await wake.tell(orders, nil, over: recorder)
    let (request, limits) = try #require(recorder.first)
    #expect(request.method == "POST")
    #expect(request.url == "http://127.0.0.1:9000/orders")
    #expect(try LauncherOrders(json: JSONValue.parse(request.body ?? [])) == orders)
    #expect(limits.reach == .loopbackOnly)
  }

  @Test func `a webhook that refuses is told, to be tried again`() async throws {
    let failure = await #expect(throws: StepFailure.self) {
      try await LauncherWake.webhook("http://127.0.0.1:9000/").tell(
        orders, nil, over: Recorder(503))
    }
    #expect(failure?.code == "WebhookFailed")
    #expect(failure?.disposition == .retry)
    #expect(failure?.message.contains("503") == true)
  }

  @Test func `the very process that reported gets SIGHUP`() async throws {
    let directory = TemporaryDirectory.make()
    defer { TemporaryDirectory.remove(directory) }
    let child = try TestChild("/usr/bin/sleep", ["600"], log: directory + "/log")
    let here = try HostIdentity.current()
    let start = try #require(ProcessTable.startTime(of: child.pid))
    let other = ProcessIdentity(pid: child.pid, startTime: start + 1, host: here)
    try await LauncherWake.signal.tell(orders, other, over: Recorder(200))
    #expect(!Processes.isGone(child.pid))
    let same = ProcessIdentity(pid: child.pid, startTime: start, host: here)
    try await LauncherWake.signal.tell(orders, same, over: Recorder(200))
    #expect(child.end() == ExitReport(signal: SIGHUP))
  }
}
