import WindlassWire

/// What was measured.
struct OperatorReport: Sendable {
  /// One program at rest.
  struct Rest: Sendable {
    var seconds: Int
    var use: ProcessUse
    /// Processor time in the window.
    var milliseconds: Int
    var requests: RequestCounts
    var polls: Int

    /// The share of one core, in thousandths of a percent.
    var coreShare: Int { milliseconds * 100 / max(1, seconds) }
  }

  /// All services upgrading at once.
  struct Wave: Sendable {
    var seconds: Double
    var completed: Int
    var openMax: Int
    /// Ascending.
    var waits: [Double]
    var milliseconds: Int
    var requests: RequestCounts
    var use: ProcessUse
  }

  var services: Int
  var concurrency: Int
  /// From the start of the operator until all were at rest.
  var startSeconds: Double
  var startRequests: RequestCounts
  var windlass: Rest
  var wave: Wave?
  var other: Rest?

  private static func percent(_ rest: Rest) -> String {
    let hundredths = (rest.coreShare + 5) / 10
    let tail = String(hundredths % 100)
    return "\(hundredths / 100).\(tail.count < 2 ? "0" : "")\(tail) %"
  }

  private static func tenths(_ number: Double) -> String {
    let whole = Int((number * 10).rounded())
    return "\(whole / 10).\(whole % 10)"
  }

  /// For people, in the form of `docs/performance.md`.
  var table: String {
    let rests = [windlass] + (other.map { [$0] } ?? [])
    func row(_ name: String, _ value: (Rest) -> String) -> String {
      "| \(name) | \(rests.map(value).joined(separator: " | ")) |"
    }
    var lines = [
      "| \(services) services at rest, \(windlass.seconds) s | Windlass |"
        + (other == nil ? "" : " kopf |"),
      "|---|---|" + (other == nil ? "" : "---|"),
      row("resident memory") { "\($0.use.resident / 1_024) MiB" },
      row("of it no file's") { "\($0.use.anonymous / 1_024) MiB" },
      row("processor time") { "\($0.milliseconds) ms" },
      row("share of a core") { Self.percent($0) },
      row("polls of manifests") { "\($0.polls)" },
      row("requests to the API server") { "\($0.requests.total)" },
      row("writes") { "\($0.requests.writes)" },
      row("writes besides Lease") { "\($0.requests.writesBesidesLease)" }, "",
      "Until all were at rest: \(Self.tenths(startSeconds)) s, \(startRequests.total) requests.",
      "Requests of Windlass at rest: \(windlass.requests.text).",
    ]
    if let other { lines.append("Requests of the other one: \(other.requests.text).") }
    if let wave { lines += ["", text(of: wave)] }
    return lines.joined(separator: "\n")
  }

  private func text(of wave: Wave) -> String {
    let mean = wave.waits.reduce(0, +) / Double(max(1, wave.waits.count))
    return """
      | \(services) upgrades at once, \(concurrency) at a time | |
      |---|---|
      | ended well | \(wave.completed) |
      | at work at a time, at most | \(wave.openMax) |
      | until the last one had ended | \(Self.tenths(wave.seconds)) s |
      | from the release to a service's end, mean | \(Self.tenths(mean)) s |
      | the longest | \(Self.tenths(wave.waits.last ?? 0)) s |
      | processor time | \(wave.milliseconds) ms |
      | requests to the API server | \(wave.requests.total) |
      | resident memory afterwards | \(wave.use.resident / 1_024) MiB |
      """
  }

  /// For programs.
  var json: JSONValue {
    func value(_ rest: Rest?) -> JSONValue {
      guard let rest else { return .null }
      return [
        "seconds": .integer(Int64(rest.seconds)),
        "residentKiB": .integer(Int64(rest.use.resident)),
        "anonymousKiB": .integer(Int64(rest.use.anonymous)),
        "processorMilliseconds": .integer(Int64(rest.milliseconds)),
        "polls": .integer(Int64(rest.polls)), "requests": value(rest.requests),
        "writesBesidesLease": .integer(Int64(rest.requests.writesBesidesLease)),
      ]
    }
    func value(_ counts: RequestCounts) -> JSONValue {
      .object(
        counts.counts.sorted { $0.key < $1.key }
          .map { JSONMember($0.key, .integer(Int64($0.value))) })
    }
    var waved: JSONValue = .null
    if let wave {
      waved = [
        "completed": .integer(Int64(wave.completed)), "openMax": .integer(Int64(wave.openMax)),
        "waitMilliseconds": .array(wave.waits.map { .integer(Int64($0 * 1_000)) }),
        "processorMilliseconds": .integer(Int64(wave.milliseconds)),
        "requests": value(wave.requests),
      ]
    }
    return [
      "services": .integer(Int64(services)), "concurrency": .integer(Int64(concurrency)),
      "startMilliseconds": .integer(Int64(startSeconds * 1_000)), "windlass": value(windlass),
      "other": value(other), "wave": waved,
    ]
  }
}
