import Synchronization
package import WindlassCore
import WindlassWire

/// From where a watch tells what happens.
package enum WatchStart: Hashable, Sendable {
  /// What came after that version.
  case after(resourceVersion: String)
  /// What is there now, then a bookmark that ends it, then what comes.
  case initialEvents
}

/// How a watch came to its end.
package enum WatchEnd: Hashable, Sendable {
  /// The server ended it as it was asked to, or because a schema changed.
  case finished
  /// Something went wrong; what came before counts.
  case broken(APIError)
}

extension KubernetesClient {
  /// Watches a selection, and hands over each event as it comes, in order and one at a time.
  ///
  /// The stream is read on, and events wait, while one is handled; when too many wait, the watch
  /// ends as broken and is resumed by whoever keeps count of versions.
  package nonisolated func watch(
    _ selection: Selection, from start: WatchStart, lasting duration: Interval,
    each: (WatchEvent) async -> Void
  ) async -> WatchEnd {
    let title = "WATCH \(selection.description)"
    guard var path = RequestPath(selection.type, in: selection.namespace) else {
      return .broken(badTarget(title))
    }
    path.query = selection.query
    path.query["watch"] = "true"
    path.query["allowWatchBookmarks"] = "true"
    path.query["timeoutSeconds"] = String(max(1, duration.milliseconds / 1_000))
    switch start {
    case .after(let version): path.query["resourceVersion"] = version
    case .initialEvents:
      path.query["sendInitialEvents"] = "true"
      path.query["resourceVersionMatch"] = "NotOlderThan"
    }
    let order = Order(method: "GET", path: path, title: title)
    let feed = WatchFeed()
    // The server ends the watch by itself; later than this, nobody is there any more.
    let deadline = duration + .seconds(30)
    async let answer = carry(order, deadline: deadline, feed)
    var isAnswered = false
    for await line in feed.lines {
      do throws(APIError) {
        let event = try WatchEvent(line: line, request: title)
        // Returning cancels the transfer.
        if case .failed(let error) = event { return .broken(error) }
        if !isAnswered { note(nil, order) }
        isAnswered = true
        await each(event)
      } catch {
        if error.code == .malformedAnswer { return .broken(error) }
        // A refusal in place of a watch: its transfer ends with it.
        break
      }
    }
    let end = WatchEnd(await answer, feed, order)
    if case .broken(let error) = end { note(error, order) }
    return end
  }

  private nonisolated func carry(
    _ order: Order, deadline: Interval, _ feed: WatchFeed
  ) async -> Result<HTTPResponse, APIError> {
    defer { feed.finish() }
    do throws(APIError) {
      return .success(try await stream(order, deadline: deadline) { try feed.take($0) })
    } catch {
      return .failure(error)
    }
  }
}

extension WatchEnd {
  /// What the end of the transfer means.
  fileprivate init(
    _ result: Result<HTTPResponse, APIError>, _ feed: WatchFeed,
    _ order: KubernetesClient.Order
  ) {
    switch result {
    case .failure(let error): self = .broken(error)
    case .success(var answer) where answer.status != 200:
      answer.body = feed.opening
      self = .broken(APIError(answer: answer, to: order))
    case .success:
      // The half of an event is an event that is missing: the rest comes after the last version.
      self =
        !feed.endsWithinLine
        ? .finished
        : .broken(
          APIError(.noAnswer, request: order.title, detail: "the stream ended within an event"))
    }
  }
}

/// Between the thread that receives a watch and the task that handles its events.
private final class WatchFeed: Sendable {
  /// Whole lines in order.
  let lines: AsyncStream<[UInt8]>
  private let sending: AsyncStream<[UInt8]>.Continuation

  private struct State {
    var cutter = WatchLines()
    var opening: [UInt8] = []
  }
  private let state = Mutex(State())

  init() {
    (lines, sending) = AsyncStream.makeStream(
      of: [UInt8].self, bufferingPolicy: .bufferingOldest(ClientBounds.eventsWaitingMax))
  }

  /// Why a stream is not read on.
  private enum Stop: Error, CustomStringConvertible {
    case lineTooLong, tooManyWaiting

    var description: String {
      switch self {
      case .lineTooLong: "an event has more than \(ClientBounds.eventSizeMax) bytes"
      case .tooManyWaiting: "more than \(ClientBounds.eventsWaitingMax) events wait"
      }
    }
  }

  /// Takes a piece of the stream.
  func take(_ piece: UnsafeRawBufferPointer) throws {
    let found = try state.withLock { state throws(Stop) in
      state.opening += piece.prefix(ClientBounds.refusalSizeMax - state.opening.count)
      guard let found = state.cutter.take(piece) else { throw Stop.lineTooLong }
      return found
    }
    for line in found {
      if case .dropped = sending.yield(line) { throw Stop.tooManyWaiting }
    }
  }

  /// Says that nothing comes any more.
  func finish() { sending.finish() }

  /// The first bytes of the stream: the whole body of a refusal, of which no more is read.
  var opening: [UInt8] { state.withLock { $0.opening } }

  /// Whether the last line has no end.
  var endsWithinLine: Bool { state.withLock { !$0.cutter.remainder.isEmpty } }
}
