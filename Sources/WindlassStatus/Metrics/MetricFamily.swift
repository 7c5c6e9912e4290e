/// All figures of one name, as they were at one moment, with what they mean.
package struct MetricFamily: Hashable, Sendable {
  /// The figures, by how they behave over time.
  package enum Figures: Hashable, Sendable {
    /// What only grows while the process lives.
    case counter([MetricSample<Double>])
    /// What goes up and down.
    case gauge([MetricSample<Double>])
    /// How often values lay below each of some bounds.
    case histogram([MetricSample<Histogram>])
  }

  /// By Prometheus' conventions: a prefix, a noun, the base unit, and `_total` for a counter.
  package let name: String
  /// One sentence for people.
  package let help: String
  package let figures: Figures

  /// Figures of that name.
  package init(_ name: String, _ help: String, _ figures: Figures) {
    precondition(MetricName.isFigure(name), "\(name) is no name of a figure")
    self.name = name
    self.help = help
    self.figures = figures
  }

  /// What only grows, and of which there is one.
  package static func counter(_ name: String, _ help: String, _ value: Double) -> MetricFamily {
    MetricFamily(name, help, .counter([MetricSample(.none, value)]))
  }

  /// What goes up and down, and of which there is one.
  package static func gauge(_ name: String, _ help: String, _ value: Double) -> MetricFamily {
    MetricFamily(name, help, .gauge([MetricSample(.none, value)]))
  }
}

/// One figure, told from others of its name by its labels.
package struct MetricSample<Value: Hashable & Sendable>: Hashable, Sendable {
  package let labels: MetricLabels
  package let value: Value

  /// A figure with those labels.
  package init(_ labels: MetricLabels, _ value: Value) {
    self.labels = labels
    self.value = value
  }
}
