import Synchronization
import WindlassCore
import WindlassWire

/// Takes the pieces of a body, on the transport's thread.
typealias BodySink = @Sendable (UnsafeRawBufferPointer) throws -> Void

/// One request on its way from the task that asks to the thread that carries it, and back.
final class TransferOrder: Sendable {
  /// What is sent.
  let request: HTTPRequest
  /// Where it is sent first.
  let url: RequestURL
  /// What it may cost.
  let limits: HTTPLimits
  /// Where the body goes; nil collects it in the reply.
  let sink: BodySink?
  /// When it has to be over.
  let deadline: ContinuousClock.Instant

  private struct Outcome {
    var isCancelled = false
    var continuation: CheckedContinuation<Result<HTTPResponse, HTTPError>, Never>?
  }
  private let outcome = Mutex(Outcome())

  /// Makes an order whose deadline counts from now.
  init(request: HTTPRequest, limits: HTTPLimits, sink: BodySink?) throws(HTTPError) {
    try RequestRule.check(request)
    url = try RequestURL(request.url)
    self.request = request
    self.limits = limits
    self.sink = sink
    // A day is more than anybody waits, and far from any overflow.
    let patience = min(max(limits.deadline, .zero), .hours(24))
    deadline = ContinuousClock.now.advanced(by: .milliseconds(patience.milliseconds))
  }

  /// Whether the asking task was cancelled.
  var isCancelled: Bool { outcome.withLock { $0.isCancelled } }

  /// Marks the order; the carrying thread must be told as well.
  func cancel() { outcome.withLock { $0.isCancelled = true } }

  /// Keeps the task that waits for the answer.
  func await(by continuation: CheckedContinuation<Result<HTTPResponse, HTTPError>, Never>) {
    outcome.withLock { $0.continuation = continuation }
  }

  /// Answers the waiting task; a second answer is dropped.
  func finish(_ result: Result<HTTPResponse, HTTPError>) {
    let waiting = outcome.withLock { outcome in
      defer { outcome.continuation = nil }
      return outcome.continuation
    }
    waiting?.resume(returning: result)
  }
}
