import FoundationEssentials

/// One run of a program, with everything that it wrote.
struct Command {
  /// The exit code; nil when a signal ended it.
  var code: Int32?
  var output: String

  /// Runs a product of this package to its end.
  static func run(_ product: String, _ arguments: [String]) throws -> Command {
    try Command(BuiltProgram(product), arguments)
  }

  /// Runs a program of the system to its end.
  static func run(installed path: String, _ arguments: [String]) throws -> Command {
    try Command(BuiltProgram(installedAt: path), arguments)
  }

  /// Where a program of the system is; nil when it is not installed.
  static func installed(_ name: String) -> String? {
    ["/usr/bin", "/bin", "/usr/local/bin"].map { "\($0)/\(name)" }
      .first { FileManager.default.isExecutableFile(atPath: $0) }
  }

  private init(_ program: BuiltProgram, _ arguments: [String]) throws {
    let ending = try program.run(arguments, in: TemporaryDirectory())
    code = ending.status < 128 ? ending.status : nil
    output = ending.outputText + ending.errorText
  }
}
