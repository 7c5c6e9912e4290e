import Synchronization

/// Shows the demo as it goes on: a picture that is drawn anew on a terminal, lines elsewhere.
final class DemoView: Sendable {
  /// Seconds between two lines about the load where there is no terminal.
  private static let loadLineInterval: Int64 = 10

  private let output: Output
  private let last = Mutex<(text: String, loadLine: Int64)>(("", 0))

  init(_ output: Output) { self.output = output }

  /// Shows the scene; lines come only when they say something new.
  func show(_ scene: DemoScene) {
    if output.isInteractive { return output.frame(DemoView.picture(scene)) }
    let text = DemoView.summary(scene)
    let (isNews, isLoadDue) = last.withLock { last in
      let isNews = last.text != text
      last.text = text
      let isLoadDue = scene.seconds >= last.loadLine + DemoView.loadLineInterval
      if isLoadDue { last.loadLine = scene.seconds }
      return (isNews, isLoadDue)
    }
    if isNews { output.progress(.faint(DemoView.clock(scene.seconds)), Span("  " + text)) }
    if isLoadDue, scene.load.total > 0 {
      output.progress(
        .faint(DemoView.clock(scene.seconds)),
        Span("  \(DemoView.loadText(scene)); \(DemoView.latencyText(scene.load))"))
    }
  }

  /// Columns of the picture; a longer line would be broken by the terminal, and drawing anew would
  /// then miss lines.
  private static let width = 79

  /// The picture's lines.
  static func picture(_ scene: DemoScene) -> [[Span]] {
    var lines: [[Span]] = [
      [.strong("windlass demo"), .faint("  \(clock(scene.seconds))  "), Span(scene.act)], [],
    ]
    for (index, story) in scene.stories.enumerated() {
      lines += storyLines(story, number: index + 1)
    }
    lines.append([])
    if let status = scene.status {
      lines += stepLines(status)
      lines.append([.faint("instances  ")] + instances(status))
      lines.append([
        .faint("service    "),
        Span("\(status.service) \(status.deployedVersion) on schema \(status.schemaVersion)"),
      ])
      if let trouble = status.blockedReason ?? status.retrying {
        lines.append([.faint("trouble    "), .warning(trouble)])
      }
    }
    let tone: Span.Tone = scene.load.lost == 0 ? .good : .bad
    lines.append([.faint("load       "), Span(loadText(scene), tone)])
    lines.append([.faint("latency    "), Span(latencyText(scene.load))])
    return lines.map(cropped)
  }

  private static func storyLines(_ story: DemoScene.Line, number: Int) -> [[Span]] {
    switch story.progress {
    case .waiting: return [[.faint("  \(number)  \(story.title)")]]
    case .current: return [[.warning("▸ "), Span("\(number)  "), .strong(story.title)]]
    case .ended(let result):
      let mark: Span = result.isRight ? .good("✓ ") : .bad("✗ ")
      let time = DemoReport.seconds(result.milliseconds)
      let lines: [[Span]] = [
        [mark, Span("\(number)  \(story.title)")],
        ["     ", .faint("\(result.outcome), \(time) s")],
      ]
      return lines + (result.failingQuery.map { [["     ", .warning($0)]] } ?? [])
    }
  }

  /// The open run's steps, as many on a line as fit.
  private static func stepLines(_ status: ServiceStatus) -> [[Span]] {
    guard !status.steps.isEmpty else { return [[.faint("steps      \(status.phase)")]] }
    var lines: [[Span]] = []
    var line: [Span] = [.faint("steps     ")]
    for step in status.steps {
      let mark = step.state == "done" ? "✓" : step.state == "current" ? "▸" : "·"
      let tone: Span.Tone =
        step.state == "done" ? .good : step.state == "current" ? .warning : .faint
      let word = Span(" \(mark)\(step.name)", tone)
      if (line + [word]).map(\.text.count).reduce(0, +) > width {
        lines.append(line)
        line = ["          "]
      }
      line.append(word)
    }
    return lines + [line]
  }

  /// The line's beginning, as far as it fits.
  private static func cropped(_ line: [Span]) -> [Span] {
    var left = width
    return line.compactMap { span in
      guard left > 0 else { return nil }
      let text = span.text.count <= left ? span.text : String(span.text.prefix(left - 1)) + "…"
      left -= span.text.count
      return Span(text, span.tone)
    }
  }

  private static func instances(_ status: ServiceStatus) -> [Span] {
    let versions = Set(status.instances.map(\.release)).sorted()
    guard !versions.isEmpty else { return [.faint("none")] }
    return versions.flatMap { version -> [Span] in
      let marks = status.instances.filter { $0.release == version }.map { instance -> Span in
        if instance.isDraining { return .warning("◌") }
        return instance.isReady ? .good("●") : .faint("○")
      }
      return [Span("\(version) ")] + marks + ["  "]
    }
  }

  /// What a line without a terminal says; it changes when something happens.
  static func summary(_ scene: DemoScene) -> String {
    guard let status = scene.status else { return scene.act }
    var text = "\(scene.act) | \(status.service) \(status.deployedVersion) on schema "
    text += "\(status.schemaVersion), \(status.phase)"
    for version in Set(status.instances.map(\.release)).sorted() {
      let ready = status.instances.count { $0.release == version && $0.isReady && !$0.isDraining }
      text += ", \(ready) of \(version) ready"
    }
    if let trouble = status.blockedReason ?? status.retrying { text += " | \(trouble)" }
    return text
  }

  private static func loadText(_ scene: DemoScene) -> String {
    let load = scene.load
    guard load.total > 0 else { return "not begun" }
    let retried = load.retried > 0 ? ", \(load.retried) retried" : ""
    return "\(scene.rate) requests/s, \(load.total) in all, \(load.lost) lost\(retried)"
  }

  private static func latencyText(_ load: LoadTally) -> String {
    guard let median = load.latencies.quantile(0.5), let slow = load.latencies.quantile(0.99)
    else { return "not known" }
    return "p50 \(DemoReport.milliseconds(median)), p99 \(DemoReport.milliseconds(slow))"
  }

  private static func clock(_ seconds: Int64) -> String {
    let rest = seconds % 60
    return "\(seconds / 60):\(rest < 10 ? "0" : "")\(rest)"
  }
}
