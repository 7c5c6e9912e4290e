import CLinux
import Glibc
import ServiceLifecycle
import WindlassCore

/// Gives memory back that holds nothing but code which ran once, or nothing at all.
///
/// Starting touches most of the program and its libraries, and the kernel keeps what was touched
/// mapped until memory is short. Mappings of code are never written, so dropping them loses
/// nothing: what runs again is mapped again from the page cache.
final class CodePages: Service {
  private let clock: any RunClock

  /// Makes a service that drops pages at the bound's interval.
  init(clock: any RunClock) { self.clock = clock }

  func run() async throws {
    await cancelWhenGracefulShutdown {
      while !Task.isCancelled {
        await self.clock.sleep(until: self.clock.now() + Bounds.codePagesInterval)
        CodePages.release()
        // What was freed amid what is used stays with the process until it is asked for.
        _ = clinux_give_back()
      }
    }
  }

  /// Drops every page of code that this process has mapped from a file.
  static func release() {
    guard let bytes = try? TextFile.read("/proc/self/maps", sizeMax: Bounds.processMapSizeMax)
    else {
      // Without the list nothing is dropped, and nothing is lost.
      return
    }
    for line in String(decoding: bytes, as: UTF8.self).split(separator: "\n") {
      guard let range = codeRange(line) else { continue }
      madvise(UnsafeMutableRawPointer(bitPattern: range.lowerBound), range.count, MADV_DONTNEED)
    }
  }

  /// The addresses of a mapping that is executable, never writable, and of a file; nil for others.
  static func codeRange(_ line: some StringProtocol) -> Range<UInt>? {
    let fields = line.split(separator: " ", maxSplits: 5, omittingEmptySubsequences: true)
    // The path stands behind blanks that fill its column.
    guard fields.count == 6, fields[1] == "r-xp",
      fields[5].drop(while: { $0 == " " }).hasPrefix("/")
    else { return nil }
    let ends = fields[0].split(separator: "-")
    guard ends.count == 2, let start = UInt(ends[0], radix: 16), let end = UInt(ends[1], radix: 16),
      start < end
    else { return nil }
    return start..<end
  }
}
