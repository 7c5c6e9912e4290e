import ArgumentParser

/// Measures Windlass beside other programs, with private databases that a script has started.
///
/// It prints tables in the form that `docs/performance.md` has. It fails where a program that it
/// runs fails, and never because something took long.
@main struct Bench: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench",
    abstract: "Measures Windlass beside other programs.",
    discussion: "Example: .ci/bench.sh migrate",
    subcommands: [CompareCommand.self, LocksCommand.self, OperatorBench.self])
}

/// Why nothing could be measured.
struct BenchFailure: Error, CustomStringConvertible {
  let description: String
}
