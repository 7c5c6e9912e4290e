import WindlassCore
import WindlassProof
import WindlassSchema

/// Files of recorded queries on this machine.
enum QueriesFile {
  /// Reads a file.
  static func read(_ path: String) throws(CommandFailure) -> RecordedQueries {
    let reason: String
    do {
      return try QueriesDocument.read(TextFile.read(path, sizeMax: Bounds.queriesSizeMax))
    } catch let failure as FileFailure {
      reason = failure.reason
    } catch {
      reason = "\(error)"
    }
    throw CommandFailure(
      .usage, "BadArgument",
      "The queries in \(path) can't be used: \(reason). docs/rehearsal.md shows what such a file"
        + " holds; `windlass queries capture` writes one.")
  }
}
