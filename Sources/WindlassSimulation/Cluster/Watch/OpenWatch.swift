package import WindlassCore
package import WindlassWire

/// One event of a watch.
package struct WatchEvent: Hashable, Sendable {
  /// When the server sends it.
  package var time: Timestamp
  /// `ADDED`, `MODIFIED`, `DELETED`, `BOOKMARK` or `ERROR`.
  package var type: String
  package var object: JSONValue
}

/// What a watch had to say up to a time.
package struct WatchReport: Hashable, Sendable {
  package var events: [WatchEvent]
  /// When the server ended the stream; nil while it is open.
  package var ended: Timestamp?
  /// Whether the stream ends amid the line of the last event.
  package var isCut = false
}

/// A watch that a client opened.
struct OpenWatch: Sendable {
  /// The request, with the resource as it was when the watch began.
  var call: Call
  var labels: LabelSelector
  var fields: FieldSelector
  /// The version of the last event that was looked at.
  var cursor: Int64
  /// Events that do not come from the history, in the order of their times.
  var pending: [WatchEvent]
  var nextBookmark: Timestamp?
  /// When the server will end the stream.
  var ends: Timestamp?
  var hasSentColumns = false
  /// What goes wrong with it.
  var faults: [ClusterFault.Kind] = []
  /// Events other than bookmarks that it has had.
  var eventCount = 0
  /// An event that is sent after the next one.
  var delayed: WatchEvent?
  var isSilent = false
  /// Whether a fault has ended it.
  var isCut = false
  /// Whether it was ended behind a whole line.
  var cutsCleanly = false

  /// Whether the watch shows an object.
  func shows(_ object: JSONValue, _ key: ObjectKey) -> Bool {
    key.resource == call.type.storage
      && (!call.type.isNamespaced || call.namespace == nil || call.namespace == key.namespace)
      && (call.name == nil || call.name == key.name)
      && labels.matches(object) && fields.matches(object)
  }
}
