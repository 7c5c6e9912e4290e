import WindlassWire

/// What the demo found, for people and for machines.
struct DemoReport: Hashable, Sendable {
  var stories: [StoryResult]
  var load: LoadTally
  /// The first lost requests, in words.
  var losses: [String]
  var milliseconds: Int64

  /// Whether no request was lost and every story ended as it should.
  var isGood: Bool { load.lost == 0 && stories.allSatisfy(\.isRight) }

  /// Writes the report.
  func write(to output: Output) {
    output.line("")
    output.table(
      header: ["story", "outcome", "seconds", ""],
      rows: stories.map { story in
        [
          Span(story.name), Span(story.outcome, story.isRight ? .plain : .bad),
          Span(DemoReport.seconds(story.milliseconds)),
          story.isRight ? .good("right") : .bad("expected: \(story.expected)"),
        ]
      })
    output.line("")
    for evidence in stories.first(where: { $0.name == "reckless" })?.evidence.prefix(1) ?? [] {
      output.line(.faint("evidence   "), Span(evidence))
    }
    output.line(
      .faint("requests   "), Span("\(load.total), "),
      Span("\(load.lost) lost", load.lost == 0 ? .good : .bad), Span(", \(load.retried) retried"))
    if let median = load.latencies.quantile(0.5), let slow = load.latencies.quantile(0.99) {
      output.line(
        .faint("latency    "),
        Span("p50 \(DemoReport.milliseconds(median)), p99 \(DemoReport.milliseconds(slow))"))
    }
    let servers = load.repliesByServer.sorted { $0.key < $1.key }
    output.line(
      .faint("replies    "),
      Span(servers.map { "\($0.value) by \($0.key)" }.joined(separator: ", "))
    )
    for loss in losses { output.line(.faint("lost       "), Span(loss, .bad)) }
    output.object(document)
  }

  /// The report as JSON, with the members that machines rely on first.
  var document: JSONValue {
    [
      "requests": [
        "total": .integer(Int64(load.total)), "lost": .integer(Int64(load.lost)),
        "retried": .integer(Int64(load.retried)),
      ],
      "stories": .array(
        stories.map { story in
          [
            "name": .string(story.name), "expected": .string(story.expected),
            "outcome": .string(story.outcome),
            "seconds": .double(Double(story.milliseconds) / 1_000),
            "evidence": .array(story.evidence.map { .string($0) }),
          ]
        }),
      "latencyMicroseconds": [
        "p50": .integer(load.latencies.quantile(0.5) ?? 0),
        "p99": .integer(load.latencies.quantile(0.99) ?? 0),
      ],
      "losses": .array(losses.map { .string($0) }),
      "seconds": .double(Double(milliseconds) / 1_000),
      "good": .bool(isGood),
    ]
  }

  /// Milliseconds as seconds with one decimal.
  static func seconds(_ milliseconds: Int64) -> String {
    "\(milliseconds / 1_000).\(milliseconds % 1_000 / 100)"
  }

  /// Microseconds as milliseconds with one decimal.
  static func milliseconds(_ microseconds: Int64) -> String {
    "\(microseconds / 1_000).\(microseconds % 1_000 / 100) ms"
  }
}
