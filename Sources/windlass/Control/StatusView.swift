import WindlassCore
import WindlassWire

/// Shows the daemon's answer to `status` to a person.
enum StatusView {
  /// Shows one service.
  static func show(_ body: JSONValue, _ output: Output) {
    headline(body, output)
    if let reason = body["blockedReason"]?.string {
      output.line("  ", .bad("blocked: "), Span(reason))
    }
    if let reason = body["retrying"]?.string {
      output.line("  ", .warning("retrying: "), Span(reason))
    }
    if let backfill = body["backfill"], backfill["table"] != nil {
      output.line("  ", .strong("backfill: "), Span(sentence(backfill)))
    }
    steps(body, output)
    section("conditions", conditions(body), output)
    section("instances", instances(body), output)
    section("quarantined", quarantined(body), output)
    section("last runs", HistoryView.rows(body["lastRuns"]?.array ?? []), output)
  }

  /// What it is, and where it stands, in one line.
  static func headline(_ body: JSONValue, _ output: Output) {
    var spans: [Span] = [.strong(body["service"]?.string ?? "?"), " ", phase(body)]
    if let version = body["deployedVersion"]?.string {
      spans += [.faint("  deployed "), Span(version)]
    }
    if let version = body["targetVersion"]?.string {
      spans += [.faint("  target "), Span(version)]
    }
    if let version = body["schemaVersion"]?.string {
      spans += [.faint("  schema "), Span(version)]
    }
    if let run = body["run"]?.string {
      spans += [.faint("  run "), Span(run)]
      if let direction = body["direction"]?.string { spans.append(Span(" (\(direction))")) }
    }
    if body["paused"]?.bool == true { spans += ["  ", .warning("paused")] }
    output.line(spans)
  }

  /// How far a backfill has come.
  private static func sentence(_ backfill: JSONValue) -> String {
    BackfillProgress(
      migration: SchemaVersion(UInt64(backfill["migration"]?.string ?? "") ?? 0),
      table: backfill["table"]?.string ?? "?", key: backfill["key"]?.string ?? "?",
      rowsWalked: backfill["rowsWalked"]?.integer ?? 0,
      rowsChanged: backfill["rowsChanged"]?.integer ?? 0,
      rowsEstimated: backfill["rowsEstimated"]?.integer,
      walk: Int(clamping: backfill["walk"]?.integer ?? 1), heldUpBy: backfill["heldUpBy"]?.string
    ).sentence
  }

  private static func phase(_ body: JSONValue) -> Span {
    let phase = body["phase"]?.string ?? "unknown"
    return switch phase {
    case "idle": .good(phase)
    case "blocked": .bad(phase)
    default: .warning(phase)
    }
  }

  /// The phases of the open run on one line.
  static func steps(_ body: JSONValue, _ output: Output) {
    let steps = body["steps"]?.array ?? []
    guard !steps.isEmpty else { return }
    var spans: [Span] = ["  "]
    for (index, step) in steps.enumerated() {
      if index > 0 { spans.append(.faint(" → ")) }
      let name = step["name"]?.string ?? "?"
      switch step["state"]?.string {
      case "done": spans.append(.good(name))
      case "current": spans.append(.strong("[\(name)]"))
      default: spans.append(.faint(name))
      }
    }
    output.line(spans)
  }

  /// A table under a title; nothing where it has no rows.
  static func section(_ title: String, _ table: Table, _ output: Output) {
    guard !table.rows.isEmpty else { return }
    output.line("")
    output.line(.strong(title))
    output.table(header: table.header, rows: table.rows)
  }

  /// The conditions as a table.
  static func conditions(_ body: JSONValue) -> Table {
    let rows = (body["conditions"]?.array ?? []).map { condition -> [Span] in
      let type = condition["type"]?.string ?? "?"
      let status = condition["status"]?.string ?? "Unknown"
      // Degraded is the one condition whose truth is bad news; Progressing is neither.
      let isGood = type == "Degraded" ? status == "False" : status == "True"
      let shown: Span = isGood ? .good(status) : type == "Progressing" ? Span(status) : .bad(status)
      return [
        Span(type), shown, Span(condition["reason"]?.string ?? ""),
        Span(condition["message"]?.string ?? ""),
      ]
    }
    return Table(header: ["condition", "status", "reason", "message"], rows: rows)
  }

  private static func instances(_ body: JSONValue) -> Table {
    let rows = (body["instances"]?.array ?? []).map { instance -> [Span] in
      let life = instance["life"]?.string ?? "unknown"
      return [
        Span(instance["id"]?.string ?? "?"), Span(instance["release"]?.string ?? "?"),
        life == "alive" ? .good(life) : .bad(life), yes(instance["ready"]), yes(instance["good"]),
        Span(instance["detail"]?.string ?? ""),
      ]
    }
    return Table(
      header: ["instance", "release", "life", "ready", "good", "detail"], rows: rows)
  }

  private static func quarantined(_ body: JSONValue) -> Table {
    let rows = (body["quarantined"]?.array ?? []).map { entry -> [Span] in
      [
        .bad(entry["version"]?.string ?? entry.string ?? "?"),
        Span(entry["code"]?.string ?? ""), Span(entry["reason"]?.string ?? ""),
      ]
    }
    return Table(header: ["version", "code", "reason"], rows: rows)
  }

  private static func yes(_ value: JSONValue?) -> Span {
    value?.bool == true ? .good("yes") : .warning("no")
  }

  /// A table's header and rows.
  struct Table {
    var header: [String]
    var rows: [[Span]]
  }
}
