import Foundation
import Testing

@testable import WindlassStatus

/// What Linux says of a process.
struct ProcessFiguresTests {
  private static let units = ProcessFigures.Units(ticksPerSecond: 100, pageSize: 4_096)
  private static let stat =
    "1234 (a (b) c) S 1 1234 1234 0 -1 4194560 500 0 0 0 250 50 0 0 20 0 3 0 1000 99999744 6000 "
    + "18446744073709551615 1 1 0 0 0 0 0 4096 17066 0 0 0 17 1 0 0 0 0 0\n"

  @Test func `its fields are found behind whatever the program is called`() throws {
    let figures = try #require(ProcessFigures(stat: Self.stat, Self.units))
    #expect(figures.processorSeconds == 3)
    #expect(figures.startedAfterBoot == 10)
    #expect(figures.residentBytes == 6_000 * 4_096)
    #expect(
      Exposition.text(figures.families(bootTime: 1_800_000_000)) == """
        # HELP process_resident_memory_bytes Resident memory size in bytes.
        # TYPE process_resident_memory_bytes gauge
        process_resident_memory_bytes 24576000
        # HELP process_cpu_seconds_total Total user and system CPU time spent in seconds.
        # TYPE process_cpu_seconds_total counter
        process_cpu_seconds_total 3
        # HELP process_start_time_seconds Start time of the process since unix epoch in seconds.
        # TYPE process_start_time_seconds gauge
        process_start_time_seconds 1800000010

        """)
    #expect(figures.families(bootTime: nil).count == 2)
  }

  @Test(arguments: ["", "1 (a", "1 (a) S 1 2 3", "no parentheses at all"])
  func `text that is none is nothing`(text: String) {
    #expect(ProcessFigures(stat: text, Self.units) == nil)
  }

  @Test func `the boot is found in what the machine says`() {
    #expect(ProcessFigures.bootTime(stat: "cpu 1 2\nbtime 1800000000\nctxt 5\n") == 1_800_000_000)
    #expect(ProcessFigures.bootTime(stat: "cpu 1 2\n") == nil)
  }

  @Test func `this process is found`() throws {
    let text = try String(contentsOfFile: "/proc/self/stat", encoding: .utf8)
    let units = ProcessFigures.Units(
      ticksPerSecond: sysconf(Int32(_SC_CLK_TCK)), pageSize: sysconf(Int32(_SC_PAGESIZE)))
    let figures = try #require(ProcessFigures(stat: text, units))
    let machine = try String(contentsOfFile: "/proc/stat", encoding: .utf8)
    let boot = try #require(ProcessFigures.bootTime(stat: machine))
    #expect(figures.residentBytes > 1_000_000)
    #expect(boot + figures.startedAfterBoot <= Date().timeIntervalSince1970 + 2)
  }
}
