import Glibc

#if FUZZING
  /// What libFuzzer, which has the entry point of such a build, calls first.
  @_cdecl("LLVMFuzzerInitialize")
  func initialize(
    _ count: UnsafeMutableRawPointer?, _ arguments: UnsafeMutableRawPointer?
  ) -> Int32 {
    if Fuzz.named == nil { Fuzz.explain() }
    return 0
  }

  /// What libFuzzer calls with each input.
  @_cdecl("LLVMFuzzerTestOneInput")
  func feed(_ bytes: UnsafePointer<UInt8>?, _ size: Int) -> Int32 {
    Fuzz.named?.consume(Array(UnsafeBufferPointer(start: bytes, count: size)))
    return 0
  }
#endif

/// Feeds bytes to the parser that `WINDLASS_FUZZ` names: those that libFuzzer makes up, or, in a
/// build without it, those of the files given as arguments, so that a finding can be looked at.
#if !FUZZING
  @main
#endif
enum Fuzz {
  static func main() {
    guard named != nil else { explain() }
    for path in CommandLine.arguments.dropFirst() { replay(path) }
  }

  /// Writes the names of the parsers and ends the process.
  static func explain() -> Never {
    puts(Subject.allCases.map(\.rawValue).joined(separator: "\n"))
    exit(0)
  }

  /// The parser that the environment names.
  static let named = getenv("WINDLASS_FUZZ").flatMap {
    Subject(rawValue: String(cString: $0))
  }

  private static func replay(_ path: String) {
    guard let file = fopen(path, "r") else {
      perror("fuzz: \(path)")
      exit(1)
    }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = fread(&chunk, 1, chunk.count, file)
      guard count > 0 else { break }
      bytes += chunk[..<count]
    }
    named?.consume(bytes)
  }
}
