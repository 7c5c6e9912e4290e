import WindlassCore
import WindlassWire

@testable import WindlassSimulation

/// The watches of a recording.
extension TranscriptReplay {
  mutating func drain(until time: Timestamp) {
    let usesWorkloads = transcript.usesWorkloads
    while usesWorkloads, !transcript.watchesPods(at: (server.now - start).milliseconds) {
      let next = freeAgent.next(server, transcript.namespace ?? "", server.now)
      guard let first = [next, server.nextTask].compactMap(\.self).min() else { break }
      let due = max(first, server.now)
      guard due < time else { break }
      drainWatches(until: due)
      freeAgent.act(&server, transcript.namespace ?? "", due, &translation)
      guard server.now < time else { break }
    }
    drainWatches(until: time)
  }

  mutating func drainWatches(until time: Timestamp) {
    leadControllers(at: server.now)
    server.advance(to: time)
    leadControllers(at: time)
    for (index, watch) in watches.sorted(by: { $0.key < $1.key }) {
      let step = transcript.steps[index]
      let end = start + .milliseconds(step.endedAt)
      let isOver = !step.isEndedByServer && end < time
      take(index, watch, step, until: isOver ? end : time)
    }
  }

  mutating func take(
    _ index: Int, _ watch: Watching, _ step: Transcript.Step, until time: Timestamp
  ) {
    var watch = watch
    let report = server.drain(watch.identity, until: time)
    watch.ended = watch.ended ?? report.ended
    for event in report.events {
      if step.isAbridged, watch.seen >= 3 {
        watch.latest = event
        continue
      }
      defer { watch.seen += 1 }
      guard let recorded = step.events, watch.seen < recorded.count else {
        note(["event \(watch.seen) is too much: \(event.type) \(event.object.text)"], index)
        continue
      }
      compare(event, recorded[watch.seen], index, watch.seen)
    }
    watches[index] = watch
  }

  mutating func compare(
    _ event: WatchEvent, _ wanted: JSONValue, _ index: Int, _ place: Int
  ) {
    var comparison = Comparison(translation)
    if wanted["type"]?.string != event.type {
      comparison.differences.append(
        "\(event.type) instead of \(wanted["type"]?.string ?? ""): \(event.object.text)")
    }
    comparison.compare(wanted["object"] ?? .null, event.object)
    translation = comparison.translation
    note(comparison.differences.map { "event \(place): \($0)" }, index)
  }

  mutating func finishWatches() {
    let last = transcript.steps.map(\.endedAt).max() ?? 0
    drain(until: start + .milliseconds(last + 100))
    for (index, watch) in watches {
      let step = transcript.steps[index]
      let count = step.events?.count ?? 0
      if let latest = watch.latest, let last = step.events?.last {
        compare(latest, last, index, count)
      } else if watch.seen < count {
        note(["\(watch.seen) events instead of \(count)"], index)
      }
      if step.isEndedByServer {
        let offset = watch.ended.map { ($0 - start).milliseconds - step.endedAt }
        if offset.map({ abs($0) > 500 }) ?? true {
          note(["ended at \(offset.map(String.init) ?? "never") of the recorded end"], index)
        }
      } else if let ended = watch.ended, ended < start + .milliseconds(step.endedAt) {
        note(["the server ended the watch"], index)
      }
    }
  }
}
