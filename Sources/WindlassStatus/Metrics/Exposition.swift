/// Writes figures as text, in Prometheus' exposition format, version 0.0.4.
package enum Exposition {
  /// What the text is, for whoever asked by HTTP.
  package static let mediaType = "text/plain; version=0.0.4; charset=utf-8"

  /// The text of all families, in their order and that of their figures.
  package static func text(_ families: [MetricFamily]) -> String {
    var text = ""
    for family in families { write(family, to: &text) }
    return text
  }

  private static func write(_ family: MetricFamily, to text: inout String) {
    let name = family.name
    text += "# HELP \(name) \(escaped(family.help, quotes: false))\n"
    switch family.figures {
    case .counter(let samples):
      text += "# TYPE \(name) counter\n"
      for sample in samples { write(name, sample.labels, sample.value, to: &text) }
    case .gauge(let samples):
      text += "# TYPE \(name) gauge\n"
      for sample in samples { write(name, sample.labels, sample.value, to: &text) }
    case .histogram(let samples):
      text += "# TYPE \(name) histogram\n"
      for sample in samples { write(name, sample.labels, sample.value, to: &text) }
    }
  }

  private static func write(
    _ name: String, _ labels: MetricLabels, _ value: Double, bound: String? = nil,
    to text: inout String
  ) {
    text += name
    var parts = labels.pairs.map { "\($0.name)=\"\(escaped($0.value, quotes: true))\"" }
    if let bound { parts.append("le=\"\(bound)\"") }
    if !parts.isEmpty { text += "{\(parts.joined(separator: ","))}" }
    text += " \(number(value))\n"
  }

  private static func write(
    _ name: String, _ labels: MetricLabels, _ histogram: Histogram, to text: inout String
  ) {
    for (bound, count) in zip(histogram.bounds + [.infinity], histogram.cumulative) {
      write("\(name)_bucket", labels, Double(count), bound: number(bound), to: &text)
    }
    write("\(name)_sum", labels, histogram.sum, to: &text)
    write("\(name)_count", labels, Double(histogram.count), to: &text)
  }

  /// A number as Go reads it; whole ones without a fraction.
  static func number(_ value: Double) -> String {
    if value.isNaN { return "NaN" }
    if value.isInfinite { return value > 0 ? "+Inf" : "-Inf" }
    // Every whole number up to there is one of these.
    if value == value.rounded(), abs(value) <= 9_007_199_254_740_992 { return "\(Int64(value))" }
    return "\(value)"
  }

  /// Text on one line: `\` and the end of a line are escaped, within quotes `"` as well.
  static func escaped(_ text: String, quotes: Bool) -> String {
    let isPlain = !text.utf8.contains { byte in
      byte == UInt8(ascii: "\\") || byte == UInt8(ascii: "\n")
        || (quotes && byte == UInt8(ascii: "\""))
    }
    if isPlain { return text }
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "\\": result += "\\\\"
      case "\n": result += "\\n"
      case "\"" where quotes: result += "\\\""
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }
}
