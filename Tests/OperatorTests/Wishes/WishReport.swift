import Foundation

/// Where a campaign writes down what came of each wish.
enum WishReport {
  /// Writes a table into the folder that `WINDLASS_REPORT_DIR` names; without one nothing.
  static func write(_ rows: [WishCampaign.Row], as name: String) throws {
    guard let folder = ProcessInfo.processInfo.environment["WINDLASS_REPORT_DIR"] else { return }
    let lines = rows.map { row in
      [row.path, row.kind, row.reaction, row.isRight ? "as wanted" : "NOT AS WANTED", row.told]
        .map { $0.split(whereSeparator: \.isWhitespace).joined(separator: " ").prefix(400) }
        .joined(separator: "\t")
    }
    let text = (["field\tvalue\twanted\toutcome\ttold"] + lines).joined(separator: "\n") + "\n"
    let url = URL(fileURLWithPath: folder)
    try FileManager.default.createDirectory(at: url, withIntermediateDirectories: true)
    try text.write(
      to: url.appending(path: "\(name).tsv"), atomically: true, encoding: .utf8)
  }
}

/// Which part of a campaign is gone through.
enum WishSlice {
  static let isWhole = ProcessInfo.processInfo.environment["WINDLASS_TORTURE"] == "all"

  /// All values, or one of so many.
  static func chosen<Value>(_ values: [Value], oneOf step: Int) -> [Value] {
    isWhole ? values : values.enumerated().filter { $0.offset % step == 0 }.map(\.element)
  }
}
