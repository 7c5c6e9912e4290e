/// What a process costs, as Linux tells it.
package struct ProcessFigures: Hashable, Sendable {
  /// What Linux counts in.
  package struct Units: Hashable, Sendable {
    /// Turns of the scheduler's clock in a second.
    package let ticksPerSecond: Int
    /// Bytes of a page of memory.
    package let pageSize: Int

    /// The units of a machine.
    package init(ticksPerSecond: Int, pageSize: Int) {
      self.ticksPerSecond = ticksPerSecond
      self.pageSize = pageSize
    }
  }

  /// Seconds of processor time, its own and the kernel's for it.
  package let processorSeconds: Double
  /// Bytes of its memory that are not swapped out.
  package let residentBytes: Double
  /// Seconds from the boot of the machine to the start of the process.
  package let startedAfterBoot: Double

  /// Reads `/proc/PID/stat`; nil for text that is none.
  package init?(stat: String, _ units: Units) {
    // The program's name is in parentheses, and may hold blanks and parentheses.
    guard let end = stat.lastIndex(of: ")"), units.ticksPerSecond > 0 else { return nil }
    let fields = stat[stat.index(after: end)...].split { $0 == " " || $0 == "\n" }
    // The third field of the file is the first behind the name.
    let field = { (number: Int) -> Double? in
      fields.indices.contains(number - 3) ? Double(fields[number - 3]) : nil
    }
    guard let own = field(14), let kernel = field(15), let start = field(22),
      let pages = field(24)
    else { return nil }
    let ticks = Double(units.ticksPerSecond)
    processorSeconds = (own + kernel) / ticks
    startedAfterBoot = start / ticks
    residentBytes = pages * Double(units.pageSize)
  }

  /// When the machine was booted, in seconds since 1970, from `/proc/stat`; nil for other text.
  package static func bootTime(stat: String) -> Double? {
    stat.split(separator: "\n").first { $0.hasPrefix("btime ") }
      .flatMap { Double($0.dropFirst("btime ".count)) }
  }

  /// What it comes to for Prometheus, by the names that all processes have there.
  ///
  /// - Parameter bootTime: When the machine was booted; nil where that is not known.
  package func families(bootTime: Double?) -> [MetricFamily] {
    var families: [MetricFamily] = [
      .gauge(
        "process_resident_memory_bytes", "Resident memory size in bytes.", residentBytes),
      .counter(
        "process_cpu_seconds_total", "Total user and system CPU time spent in seconds.",
        processorSeconds),
    ]
    if let bootTime {
      families.append(
        .gauge(
          "process_start_time_seconds",
          "Start time of the process since unix epoch in seconds.", bootTime + startedAfterBoot))
    }
    return families
  }
}
