import Foundation

/// A list of what was carried out, in the directory `WINDLASS_REPORT_DIR`.
struct CampaignList: Sendable {
  private let file: FileHandle

  /// Begins a list; nil where nobody wants one.
  init?(_ name: String, _ head: String) throws {
    guard let path = ProcessInfo.processInfo.environment["WINDLASS_REPORT_DIR"] else { return nil }
    let directory = URL(filePath: path)
    try FileManager.default.createDirectory(at: directory, withIntermediateDirectories: true)
    let url = directory.appending(path: "\(name).tsv")
    try Data((head + "\n").utf8).write(to: url)
    file = try FileHandle(forWritingTo: url)
    try file.seekToEnd()
  }

  /// Adds a line, which is there even if this process ends now.
  func add(_ line: String) throws { try file.write(contentsOf: Data((line + "\n").utf8)) }
}
