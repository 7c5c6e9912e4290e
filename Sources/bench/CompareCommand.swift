import ArgumentParser

/// Runs two programs in turn and prints one row of a table.
struct CompareCommand: ParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "compare",
    abstract: "Runs two programs in turn (A B A B …) and prints medians and their ratio.",
    discussion: "Example: bench compare --row start --first 'windlass --help' --second 'ls'")

  @Option(help: "What the row is about.") var row: String
  @Option(help: "How often each program is run.") var runs = 15
  @Option(help: "The first program with its arguments, separated by blanks.") var first: String
  @Option(help: "The second program.") var second: String
  @Option(help: "A line for the shell before each run of the first program.")
  var prepareFirst = ""
  @Option(help: "A line for the shell before each run of the second program.")
  var prepareSecond = ""
  @Option(help: "The file for what the programs write.") var log: String

  func validate() throws {
    guard runs > 0 else { throw ValidationError("--runs takes at least 1") }
  }

  func run() throws {
    var (left, right): ([ChildProcess.Cost], [ChildProcess.Cost]) = ([], [])
    // One run more, which warms the caches and is not counted.
    for round in 0...runs {
      let costs = (try measure(first, prepareFirst), try measure(second, prepareSecond))
      guard round > 0 else { continue }
      left.append(costs.0)
      right.append(costs.1)
    }
    print(Comparison(left, right).tableRow(row))
  }

  private func measure(
    _ program: String, _ preparation: String
  ) throws(BenchFailure) -> ChildProcess.Cost {
    try ChildProcess.run(shell: preparation, log: log)
    return try ChildProcess(program.split(separator: " ").map(String.init), log: log).wait()
  }
}
