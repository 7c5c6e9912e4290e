import Glibc
import Synchronization
import WindlassCore
import WindlassWire

extension HTTPLimits {
  /// Enough for every well-behaved reply of these tests.
  static func test(
    _ bodySizeMax: Int64 = 1_048_576, deadline: Interval = .seconds(60), redirectsMax: Int = 0,
    reach: HTTPReach = .anywhere, silenceMax: Interval? = nil, keepsConnection: Bool = true
  ) -> HTTPLimits {
    HTTPLimits(
      bodySizeMax: bodySizeMax, deadline: deadline, redirectsMax: redirectsMax, reach: reach,
      silenceMax: silenceMax, keepsConnection: keepsConnection)
  }
}

extension HTTPTransport {
  /// The error that a request ends with; nil when it gets a reply.
  func failure(
    of request: HTTPRequest, limits: HTTPLimits = .test()
  ) async -> HTTPError? {
    do throws(HTTPError) {
      _ = try await send(request, limits: limits)
      return nil
    } catch {
      return error
    }
  }

  /// The error that a request for a URL ends with; nil when it gets a reply.
  func failure(of url: String, limits: HTTPLimits = .test()) async -> HTTPError? {
    await failure(of: HTTPRequest(url: url), limits: limits)
  }
}

/// Bytes of memory that this process has in use now.
func residentSize() -> Int {
  let fields = lines(of: "/proc/self/statm").first?.split(separator: " ") ?? []
  let pages = fields.dropFirst().first.flatMap { Int($0) } ?? 0
  return pages * Int(sysconf(Int32(_SC_PAGESIZE)))
}

/// The gzip form of many zeros, about a thousandth of their size; the checksum behind it is left
/// out, because nobody gets as far as to check it.
func gzipBomb(expandedSize: Int) -> [UInt8] {
  var bits = BitWriter(bytes: [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3])
  // One block with fixed codes: a literal zero, then "258 bytes from one byte back" many times.
  bits.write(0b011, count: 3)
  bits.write(0b0000_1100, count: 8)
  for _ in 0..<(expandedSize / 258) {
    bits.write(0b1010_0011, count: 8)
    bits.write(0, count: 5)
  }
  bits.write(0, count: 7)
  return bits.finished()
}

/// Packs bits from the lowest of each byte upwards.
private struct BitWriter {
  var bytes: [UInt8]
  var pending: UInt32 = 0
  var pendingCount: UInt32 = 0

  init(bytes: [UInt8]) { self.bytes = bytes }

  mutating func write(_ bits: UInt32, count: UInt32) {
    pending |= bits << pendingCount
    pendingCount += count
    while pendingCount >= 8 {
      bytes.append(UInt8(truncatingIfNeeded: pending))
      pending >>= 8
      pendingCount -= 8
    }
  }

  func finished() -> [UInt8] { pendingCount > 0 ? bytes + [UInt8(pending)] : bytes }
}

/// Collects a body from a sink.
final class Pieces: Sendable {
  private let collected = Mutex<[UInt8]>([])

  /// What has arrived.
  var bytes: [UInt8] { collected.withLock { $0 } }

  /// Takes one piece.
  func append(_ piece: UnsafeRawBufferPointer) {
    collected.withLock { $0.append(contentsOf: piece) }
  }
}

/// The threads of this process with that name.
func threads(named name: String) -> [String] {
  guard let directory = opendir("/proc/self/task") else { return [] }
  defer { closedir(directory) }
  var found: [String] = []
  while let entry = readdir(directory) {
    let thread = withUnsafePointer(to: &entry.pointee.d_name) { pointer in
      pointer.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
    }
    if lines(of: "/proc/self/task/\(thread)/comm") == [name] { found.append(thread) }
  }
  return found
}

/// How often a thread of this process went to sleep or was interrupted; 0 when it is gone.
func contextSwitches(ofThread thread: String) -> Int {
  lines(of: "/proc/self/task/\(thread)/status").filter { $0.contains("ctxt_switches") }
    .compactMap { $0.split(whereSeparator: \.isWhitespace).last.flatMap { Int($0) } }
    .reduce(0, +)
}

/// The lines of a small file; none when it can't be read.
func lines(of path: String) -> [String] {
  guard let file = fopen(path, "r") else { return [] }
  defer { fclose(file) }
  var bytes = [UInt8](repeating: 0, count: 65_536)
  let count = fread(&bytes, 1, bytes.count, file)
  return String(decoding: bytes.prefix(count), as: UTF8.self)
    .split(separator: "\n").map(String.init)
}

/// A small generator with a seed (SplitMix64), so that a failure can be repeated.
struct SeededGenerator: RandomNumberGenerator {
  private var state: UInt64

  init(seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var mixed = state
    mixed = (mixed ^ (mixed >> 30)) &* 0xBF58_476D_1CE4_E5B9
    mixed = (mixed ^ (mixed >> 27)) &* 0x94D0_49BB_1331_11EB
    return mixed ^ (mixed >> 31)
  }
}
