import WindlassWire

/// Shows the daemon's answer to `plan` to a person.
enum PlanView {
  /// Shows what the answer's sentence does not say.
  static func show(_ body: JSONValue, _ output: Output) {
    let rows: [(String, String?)] = [
      ("from", body["from"]?.string), ("to", body["to"]?.string),
      ("schema now", body["schemaBefore"]?.string),
      ("before the roll", list(body["expand"])), ("moving rows", list(body["backfill"])),
      ("after it", list(body["contract"])),
      ("instances", body["replicas"]?.integer.map { "\($0)" }),
      ("reason", body["reason"]?.string),
    ]
    for case (let name, let value?) in rows {
      output.line(.faint("  \(name): "), Span(value))
    }
  }

  private static func list(_ value: JSONValue?) -> String? {
    let versions = (value?.array ?? []).compactMap(\.string)
    return versions.isEmpty ? nil : "migrations " + versions.joined(separator: ", ")
  }
}
