import WindlassCore
import WindlassWire

/// Tells people what happens, as Events of a ManagedService.
///
/// Whoever notes something returns at once: what waits is bounded, what is too much is dropped, and
/// no failure of an Event is anybody's failure. The same thing again is counted in a series of the
/// Event that tells it.
package actor EventRecorder {
  /// What makes two events the same.
  private struct Key: Hashable {
    var grade: ClusterEvent.Grade
    var reason: String
    var action: String
    var note: String
    var uid: String
  }

  /// An event that was sent, and how often it came again.
  private struct Series {
    var reference: ObjectReference
    var count: Int64
    var seenAt: Timestamp
    var sentAt: Timestamp
  }

  private struct Note: Sendable {
    var event: ClusterEvent
    var about: KubernetesObject
    var at: Timestamp
  }

  private let client: KubernetesClient
  /// Who tells it, such as the pod's name.
  private let instance: String
  private let notes: AsyncStream<Note>
  private nonisolated let inlet: AsyncStream<Note>.Continuation
  private nonisolated let clock: any RunClock
  private var series: [Key: Series] = [:]
  private var bucket = TokenBucket(
    perSecond: RunBounds.eventRate, burst: RunBounds.eventBurst)

  /// - Parameter instance: Names this process among others of the same kind.
  package init(_ client: KubernetesClient, instance: String) {
    self.client = client
    self.instance = String(instance.prefix(128))
    clock = client.clock
    (notes, inlet) = AsyncStream.makeStream(
      bufferingPolicy: .bufferingOldest(RunBounds.eventsWaitingMax))
  }

  /// Notes that something happened to an object, and returns at once.
  package nonisolated func note(_ event: ClusterEvent, about object: KubernetesObject) {
    inlet.yield(Note(event: event, about: object, at: clock.now()))
  }

  /// Sends what is noted until the task is cancelled.
  package func run() async {
    for await note in notes {
      await send(note)
      if Task.isCancelled { return }
    }
  }

  private func send(_ note: Note) async {
    let event = note.event
    let key = Key(
      grade: event.grade, reason: event.reason, action: event.action, note: event.note,
      uid: note.about.uid)
    forgetOld(note.at)
    if var known = series[key] {
      known.count += 1
      known.seenAt = note.at
      // The second time makes it a series; later ones are told together.
      let isDue = note.at - known.sentAt >= RunBounds.eventSeriesInterval
      if known.count == 2 || isDue, await sendSeries(known) { known.sentAt = note.at }
      series[key] = known
      return
    }
    if series.count >= RunBounds.eventSeriesMax,
      let oldest = series.min(by: { $0.value.seenAt < $1.value.seenAt })?.key
    {
      series[oldest] = nil
    }
    let wait = bucket.take(at: clock.now())
    if wait > .zero { await clock.sleep(until: clock.now() + wait) }
    let object = self.object(note)
    do throws(APIError) {
      _ = try await client.create(object, as: .events)
    } catch {
      // Events are told as well as they can be: the status has what counts.
      return
    }
    let reference = ObjectReference(.events, object.name, in: object.namespace)
    series[key] = Series(reference: reference, count: 1, seenAt: note.at, sentAt: note.at)
  }

  private func sendSeries(_ series: Series) async -> Bool {
    let change: JSONValue = [
      "series": [
        "count": .integer(series.count), "lastObservedTime": .string(series.seenAt.microTime),
      ]
    ]
    do throws(APIError) {
      _ = try await client.patch(series.reference, .merge(change))
      return true
    } catch {
      return false
    }
  }

  /// What did not happen for a while is an event of its own when it happens again.
  private func forgetOld(_ now: Timestamp) {
    series = series.filter { now - $0.value.seenAt < RunBounds.eventSeriesLife }
  }

  private func object(_ note: Note) -> KubernetesObject {
    let event = note.event
    let digest = StepDigest.of(
      "\(instance) \(note.at.milliseconds) \(note.about.uid) \(event.reason) \(event.note)")
    let name = "\(note.about.name.prefix(200)).\(digest.text.prefix(16))"
    let namespace = note.about.namespace ?? "default"
    let about: JSONValue = [
      "apiVersion": note.about.body["apiVersion"] ?? .null,
      "kind": note.about.body["kind"] ?? .null, "name": .string(note.about.name),
      "namespace": .string(namespace), "uid": .string(note.about.uid),
    ]
    return KubernetesObject(
      ObjectReference(.events, name, in: namespace),
      [
        JSONMember("eventTime", .string(note.at.microTime)),
        JSONMember("reportingController", "windlass.dev/operator"),
        JSONMember("reportingInstance", .string(instance)),
        JSONMember("action", .string(note.event.action)),
        JSONMember("reason", .string(note.event.reason)), JSONMember("regarding", about),
        JSONMember("note", .string(StatusText.bounded(note.event.note, bytes: 1_024))),
        JSONMember("type", .string(note.event.grade.rawValue)),
      ])
  }
}

extension StatusText {
  /// A message of at most so many bytes, for servers that count them.
  static func bounded(_ text: String, bytes: Int) -> String {
    var text = message(text)
    while text.utf8.count > bytes { text.removeLast() }
    return text
  }
}
