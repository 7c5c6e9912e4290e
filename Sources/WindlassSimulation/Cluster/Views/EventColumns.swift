import WindlassCore
import WindlassWire

/// The columns in which events are shown as a table.
enum EventColumns {
  /// What the columns are; `name` is the one that every kind has.
  static func definitions(name: JSONValue) -> JSONValue {
    var name = name
    name[member: "priority"] = 1
    let columns = texts.map { column -> JSONValue in
      var definition = TableColumns.column(column.name, "string", column.text)
      definition[member: "priority"] = .integer(column.isWide ? 1 : 0)
      return definition
    }
    return .array(columns + [name])
  }

  /// What the columns say about an event.
  static func cells(of event: JSONValue, at now: Timestamp) -> [JSONValue] {
    let event = EventForms.core(event)
    let text = { (value: JSONValue?) in value?.string ?? "" }
    let object = event["involvedObject"] ?? .object([])
    let first = time(event["firstTimestamp"]) ?? time(event["eventTime"])
    let last = time(event.at("series", "lastObservedTime")) ?? time(event["lastTimestamp"]) ?? first
    let count = event.at("series", "count") ?? event["count"] ?? 1
    let source =
      text(event.at("source", "component")).isEmpty
      ? text(event["reportingComponent"]) : text(event.at("source", "component"))
    return [
      TableColumns.age(since: last ?? .null, at: now), .string(text(event["type"])),
      .string(text(event["reason"])),
      .string("\(text(object["kind"]).lowercased())/\(text(object["name"]))"),
      .string(text(object["fieldPath"])), .string(source), .string(text(event["message"])),
      TableColumns.age(since: first ?? .null, at: now), count,
      .string(text(event.at("metadata", "name"))),
    ]
  }

  private static func time(_ value: JSONValue?) -> JSONValue? {
    value.flatMap { $0.string == nil ? nil : $0 }
  }

  private static let texts: [(name: String, text: String, isWide: Bool)] = [
    (
      "Last Seen",
      "The time at which the most recent occurrence of this event was recorded.", false
    ),
    (
      "Type",
      "Type of this event (Normal, Warning), new types could be added in the future", false
    ),
    (
      "Reason",
      "This should be a short, machine understandable string that gives the reason for the "
        + "transition into the object's current status.", false
    ),
    (
      "Object",
      "The object that this event is about.", false
    ),
    (
      "Subobject",
      "If referring to a piece of an object instead of an entire object, this string should"
        + " contain a valid JSON/Go field access statement, such as "
        + "desiredState.manifest.containers[2]. For example, if the object reference is to a "
        + "container within a pod, this would take on a value like: \"spec.containers{name}\" "
        + "(where \"name\" refers to the name of the container that triggered the event) or if no"
        + " container name is specified \"spec.containers[2]\" (container with index 2 in this "
        + "pod). This syntax is chosen only to have some well-defined way of referencing a part"
        + " of an object.", true
    ),
    (
      "Source",
      "The component reporting this event. Should be a short machine understandable string.", true
    ),
    (
      "Message",
      "A human-readable description of the status of this operation.", false
    ),
    (
      "First Seen",
      "The time at which the event was first recorded. (Time of server receipt is in "
        + "TypeMeta.)", true
    ),
    (
      "Count",
      "The number of times this event has occurred.", true
    ),
  ]
}
