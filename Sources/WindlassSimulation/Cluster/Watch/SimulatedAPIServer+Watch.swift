package import WindlassCore
import WindlassWire

extension SimulatedAPIServer {
  /// Opens a watch.
  mutating func watch(_ call: inout Call) throws(APIFailure) -> APIResponse {
    try checkWatchOptions(call)
    let text = call.target["resourceVersion"] ?? ""
    guard let version = text.isEmpty ? 0 : Int64(text) else {
      throw .unclassified(
        "resourceVersion: Invalid value: \(quoted(text)): strconv.ParseUint: parsing "
          + "\(quoted(text)): invalid syntax")
    }
    var open = OpenWatch(
      call: call, labels: try LabelSelector(call.target["labelSelector"] ?? ""),
      fields: try FieldSelector(call.target["fieldSelector"] ?? "", call.type), cursor: version,
      pending: [])
    if let seconds = call.target["timeoutSeconds"].flatMap(Int64.init), seconds > 0 {
      open.ends = now + .seconds(seconds)
    }
    if call.target.flag("allowWatchBookmarks") { open.nextBookmark = bookmark(after: now, open) }
    let wantsState = call.target.flag("sendInitialEvents")
    if wantsState || version == 0, !call.isExpired {
      let marksEnd =
        call.target.flag("allowWatchBookmarks") && (wantsState || text.isEmpty)
      open.pending = try initialEvents(&open, marksEnd: marksEnd)
      open.cursor = call.staleVersion ?? store.revision
    } else if call.isExpired || version < cacheStarts[call.type.storage] ?? 0 {
      open.pending = [expired(version, call)]
      open.ends = now
    }
    watchCount += 1
    let identity = WatchIdentity(number: watchCount)
    watches[identity] = open
    return APIResponse(
      status: 200, headers: [HTTPHeader("Content-Type", "application/json")],
      body: .watch(identity))
  }

  private func checkWatchOptions(_ call: Call) throws(APIFailure) {
    let field = "resourceVersionMatch"
    let match = call.target[field] ?? ""
    var faults: [FieldFault] = []
    if call.target["sendInitialEvents"] != nil {
      if match.isEmpty {
        faults.append(
          .forbidden(
            field, "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan"))
      }
    } else if !match.isEmpty {
      faults.append(
        .forbidden(
          field, "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided")
      )
    }
    if !match.isEmpty, match != "NotOlderThan" {
      faults.append(.unsupported(field, quoted(match), ["NotOlderThan"]))
    }
    guard faults.isEmpty else { throw .invalidOptions("ListOptions", faults) }
  }

  /// Events that tell what there is.
  private func initialEvents(
    _ open: inout OpenWatch, marksEnd: Bool
  ) throws(APIFailure) -> [WatchEvent] {
    var events: [WatchEvent] = []
    for entry in try selected(open.call, at: open.call.staleVersion) {
      events.append(
        WatchEvent(
          time: now, type: "ADDED", object: watched(entry.object, &open, at: now)))
    }
    if marksEnd {
      var mark = bookmarkObject(open, at: now)
      mark.set("true", at: ["metadata", "annotations", "k8s.io/initial-events-end"])
      events.append(WatchEvent(time: now, type: "BOOKMARK", object: mark))
    }
    return events
  }

  private func expired(_ version: Int64, _ call: Call) -> WatchEvent {
    let start = cacheStarts[call.type.storage] ?? 0
    let failure = APIFailure.expired("too old resource version: \(version) (\(start))")
    return WatchEvent(time: now, type: "ERROR", object: failure.status)
  }

  // MARK: - Draining

  /// What a watch has to say that was not drained before, up to a time.
  ///
  /// - Returns: nothing for a watch that does not exist.
  package mutating func drain(_ watch: WatchIdentity, until time: Timestamp) -> WatchReport {
    advance(to: time)
    guard var open = watches[watch] else { return WatchReport(events: [], ended: nil) }
    let end = open.ends.map { min($0, time) } ?? time
    var events = open.pending.filter { $0.time <= end }
    open.pending.removeAll { $0.time <= end }
    for index in store.index(after: open.cursor)..<store.history.count {
      let event = store.history[index]
      guard event.time <= end else { break }
      events += bookmarks(&open, before: event.time)
      if let seen = seen(event, &open) { events.append(seen) }
      open.cursor = event.revision
    }
    events += bookmarks(&open, before: end)
    let wasCut = open.isCut
    events = distorted(events, &open)
    let isEnded = !open.isSilent && (open.ends.map { $0 <= time } ?? false)
    watches[watch] = open
    return WatchReport(
      events: events, ended: isEnded ? open.ends : nil,
      isCut: open.isCut && !wasCut && !open.cutsCleanly)
  }

  /// Closes a watch whose client has gone.
  package mutating func close(_ watch: WatchIdentity) { watches[watch] = nil }

  /// Ends all watches of a resource after a time, as the server does when its schema changes.
  mutating func endWatches(of resource: String, after delay: Interval) {
    for (identity, open) in watches where open.call.type.storage == resource {
      let ends = now + delay
      watches[identity]?.ends = open.ends.map { min($0, ends) } ?? ends
    }
  }

  /// What a watch shows of one write; an object that leaves its selectors seems deleted.
  private func seen(_ event: StoreEvent, _ open: inout OpenWatch) -> WatchEvent? {
    let resource = open.call.type
    let form = { (object: JSONValue) in self.storedForm(object, resource) }
    let was = event.previous.map { open.shows(form($0), event.key) } ?? false
    let isNow = event.kind != .deleted && open.shows(form(event.object), event.key)
    var object = event.object
    let type: StoreEvent.Kind
    switch (was, isNow) {
    case (false, false): return nil
    case (false, true): type = .added
    case (true, true): type = .modified
    case (true, false):
      type = .deleted
      object = event.previous ?? event.object
      object.set(.string(String(event.revision)), at: ["metadata", "resourceVersion"])
    }
    return WatchEvent(
      time: event.time, type: type.rawValue, object: watched(object, &open, at: event.time))
  }

  /// An object in the form that the watch's client wants, by the schema of the watch's beginning.
  private func watched(
    _ object: JSONValue, _ open: inout OpenWatch, at time: Timestamp
  ) -> JSONValue {
    let type = open.call.type
    let whole = type.isCustom ? type.schema.pruned(shown(object, type)).value : shown(object, type)
    switch Presentation(open.call) {
    case .whole, .yaml: return whole
    case .metadata: return partial(whole)
    case .table:
      var server = self
      server.now = time
      let version = whole.at("metadata", "resourceVersion") ?? ""
      defer { open.hasSentColumns = true }
      return server.table(
        [whole], ["resourceVersion": version], open.call, withColumns: !open.hasSentColumns)
    }
  }

  // MARK: - Bookmarks

  private func bookmarks(_ open: inout OpenWatch, before time: Timestamp) -> [WatchEvent] {
    var events: [WatchEvent] = []
    while let next = open.nextBookmark, next <= time {
      events.append(
        WatchEvent(time: next, type: "BOOKMARK", object: bookmarkObject(open, at: next)))
      open.nextBookmark = bookmark(after: next, open)
    }
    return events
  }

  /// When the next bookmark comes: after a minute, and once more shortly before the end.
  private func bookmark(after time: Timestamp, _ open: OpenWatch) -> Timestamp? {
    let regular = time + .minutes(1)
    guard let ends = open.ends else { return regular }
    let last = ends + .milliseconds(-1_400)
    let isLong = ends - time > .seconds(2)
    if isLong, last > time, last < regular { return last }
    return regular < ends ? regular : nil
  }

  /// A bookmark of a watch.
  func bookmarkObject(_ open: OpenWatch, at time: Timestamp) -> JSONValue {
    let last = store.history.last {
      $0.key.resource == open.call.type.storage && $0.time <= time
    }
    let version = last?.revision ?? store.revision
    return [
      "apiVersion": .string(open.call.type.groupVersion), "kind": .string(open.call.type.kind),
      "metadata": ["resourceVersion": .string(String(version))],
    ]
  }
}
