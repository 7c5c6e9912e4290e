import ArgumentParser
import WindlassWire

/// An argument for one database engine: `sqlite=VALUE`.
struct EngineAssignment: ExpressibleByArgument, Hashable, Sendable {
  /// Such as `sqlite`.
  var engine: String
  /// What stands behind the `=`; never empty.
  var value: String

  init?(argument: String) {
    guard let mark = argument.firstIndex(of: "="), mark != argument.startIndex else { return nil }
    engine = String(argument[..<mark])
    value = String(argument[argument.index(after: mark)...])
    guard !value.isEmpty else { return nil }
  }

  /// A schema window, `3...5` or `3`.
  func window() throws(CommandFailure) -> JSONValue {
    let ends = value.split(separator: ".", omittingEmptySubsequences: false)
    let numbers = [ends.first, ends.last].compactMap { $0.flatMap { Int64($0) } }
    let isRange = ends.count == 4 && ends[1].isEmpty && ends[2].isEmpty
    guard numbers.count == 2, ends.count == 1 || isRange else {
      throw unfit("--schema", "a window of schema versions, such as \(engine)=3...5")
    }
    return ["min": .integer(numbers[0]), "max": .integer(numbers[1])]
  }

  /// A list of migrations, `3,4`.
  func versions(of option: String) throws(CommandFailure) -> JSONValue {
    var versions: [JSONValue] = []
    for part in value.split(separator: ",", omittingEmptySubsequences: false) {
      guard let number = Int64(part) else {
        throw unfit(option, "the numbers of migrations, such as \(engine)=3,4")
      }
      versions.append(.integer(number))
    }
    return .array(versions)
  }

  private func unfit(_ option: String, _ wanted: String) -> CommandFailure {
    CommandFailure(
      .usage, "BadArgument", "\(option) \(engine)=\(value) is not \(wanted).")
  }
}
