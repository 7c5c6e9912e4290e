import Glibc
import WindlassStatus

/// Reads what this process costs.
struct ProcessAccount: Sendable {
  private static let ownSizeMax = 16_384
  /// A line of it has a number for each interrupt of the machine.
  private static let machineSizeMax = 4 * 1_048_576

  private let units: ProcessFigures.Units
  private let bootTime: Double?

  init() {
    units = ProcessFigures.Units(
      ticksPerSecond: sysconf(Int32(_SC_CLK_TCK)), pageSize: sysconf(Int32(_SC_PAGESIZE)))
    bootTime = Self.text("/proc/stat", sizeMax: Self.machineSizeMax)
      .flatMap(ProcessFigures.bootTime)
  }

  /// What it costs now; nothing where the system does not say.
  var families: [MetricFamily] {
    guard let text = Self.text("/proc/self/stat", sizeMax: Self.ownSizeMax),
      let figures = ProcessFigures(stat: text, units)
    else { return [] }
    return figures.families(bootTime: bootTime)
  }

  private static func text(_ path: String, sizeMax: Int) -> String? {
    do throws(FileFailure) {
      return String(decoding: try TextFile.read(path, sizeMax: sizeMax), as: UTF8.self)
    } catch {
      return nil
    }
  }
}
