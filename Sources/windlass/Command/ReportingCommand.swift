import ArgumentParser
import WindlassWire

/// The options that every command has.
struct OutputOptions: ParsableArguments {
  @Flag(name: .long, help: "Write JSON, one object or one object a line, and nothing for people.")
  var json = false
}

/// A command whose results and errors all leave through one `Output`.
protocol ReportingCommand: AsyncParsableCommand {
  /// How to write; declare it as `@OptionGroup var outputOptions: OutputOptions`.
  var outputOptions: OutputOptions { get }

  /// Does the work and says how the program ends; an error becomes one paragraph and an exit code.
  func perform(_ output: Output) async throws -> ExitStatus
}

extension ReportingCommand {
  func run() async throws {
    try await report(Output(isJSON: outputOptions.json)) { try await perform($0) }
  }
}

extension AsyncParsableCommand {
  /// Does a command's work; an error becomes one paragraph, and every ending an exit code.
  func report(
    _ output: Output, _ perform: (Output) async throws -> ExitStatus
  ) async throws {
    let status: ExitStatus
    do {
      status = try await perform(output)
    } catch {
      let failure = CommandFailure(error)
      output.failure(failure)
      status = failure.status
    }
    guard status == .done else { throw ExitCode(status.rawValue) }
  }
}
