import Testing

@testable import WindlassStatus

/// Figures as text of Prometheus' format.
struct ExpositionTests {
  @Test func `each kind has its lines, in the order in which it was given`() {
    var histogram = Histogram(bounds: [0.1, 2.5])
    for value in [0.1, 0.05, 2, 40] { histogram.observe(value) }
    let families = [
      MetricFamily.gauge("windlass_leader", "Whether this process leads.", 1),
      MetricFamily(
        "windlass_requests_total", "Requests.",
        .counter([
          MetricSample(["verb": "get", "code": "200"], 12),
          MetricSample(["verb": "patch", "code": "error"], 1),
        ])),
      MetricFamily(
        "windlass_request_duration_seconds", "How long.",
        .histogram([MetricSample(["verb": "get"], histogram)])),
      MetricFamily("windlass_run_phase", "Nothing now.", .gauge([])),
    ]
    #expect(
      Exposition.text(families) == """
        # HELP windlass_leader Whether this process leads.
        # TYPE windlass_leader gauge
        windlass_leader 1
        # HELP windlass_requests_total Requests.
        # TYPE windlass_requests_total counter
        windlass_requests_total{verb="get",code="200"} 12
        windlass_requests_total{verb="patch",code="error"} 1
        # HELP windlass_request_duration_seconds How long.
        # TYPE windlass_request_duration_seconds histogram
        windlass_request_duration_seconds_bucket{verb="get",le="0.1"} 2
        windlass_request_duration_seconds_bucket{verb="get",le="2.5"} 3
        windlass_request_duration_seconds_bucket{verb="get",le="+Inf"} 4
        windlass_request_duration_seconds_sum{verb="get"} 42.15
        windlass_request_duration_seconds_count{verb="get"} 4
        # HELP windlass_run_phase Nothing now.
        # TYPE windlass_run_phase gauge

        """)
  }

  @Test func `whatever a label or a help text holds, it stays on its line`() {
    let family = MetricFamily(
      "a", "A \\ and a \"quote\"\nand more",
      .gauge([MetricSample(["name": "x\"} 1\ny \\ ä\r"], 1)]))
    #expect(
      Exposition.text([family])
        == "# HELP a A \\\\ and a \"quote\"\\nand more\n# TYPE a gauge\n"
        + "a{name=\"x\\\"} 1\\ny \\\\ ä\r\"} 1\n")
  }

  @Test(arguments: [
    (0, "0"), (-0.0, "0"), (1, "1"), (-3, "-3"), (0.25, "0.25"), (1e-7, "1e-07"),
    (1_764_286_875.125, "1764286875.125"), (9_007_199_254_740_992, "9007199254740992"),
    (1e300, "1e+300"), (.infinity, "+Inf"), (-.infinity, "-Inf"), (.nan, "NaN"),
  ])
  func `a number is one that Go reads`(value: Double, text: String) {
    #expect(Exposition.number(value) == text)
  }

  @Test func `a value on a bound is below it, and one above all is counted last`() {
    var histogram = Histogram(bounds: [1, 2])
    #expect(histogram.cumulative == [0, 0, 0])
    for value in [1, 1.5, 2, 2.5, -4] { histogram.observe(value) }
    #expect(histogram.cumulative == [2, 4, 5])
    #expect(histogram.count == 5)
    #expect(histogram.sum == 3)
  }

  @Test func `names are those that Prometheus takes`() {
    for name in ["a", "_a", "aB_9", "windlass_runs_total"] {
      #expect(MetricName.isLabel(name) && MetricName.isFigure(name), "\(name)")
    }
    for name in ["", "9a", "a-b", "a b", "ä", "a{", "a\n"] {
      #expect(!MetricName.isLabel(name) && !MetricName.isFigure(name), "\(name)")
    }
    #expect(MetricName.isFigure("job:rate") && !MetricName.isLabel("job:rate"))
    #expect(!MetricName.isLabel("__name__"))
  }

  @Test func `a name that is none ends the process rather than the exposition`() async {
    await #expect(processExitsWith: .failure) {
      _ = MetricFamily.gauge("a b", "", 1)
    }
    await #expect(processExitsWith: .failure) {
      _ = MetricLabels(dictionaryLiteral: ("a=", "b"))
    }
    await #expect(processExitsWith: .failure) {
      _ = Histogram(bounds: [2, 1])
    }
  }
}
