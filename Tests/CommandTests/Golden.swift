import Foundation
import Testing

/// Compares text with the file that holds what it should be.
///
/// `RECORD_SNAPSHOTS=1` rewrites the file and fails, so that no recording passes unread.
func expectGolden(
  _ actual: String, _ name: String, sourceLocation: SourceLocation = #_sourceLocation
) throws {
  let file = URL(filePath: #filePath).deletingLastPathComponent().appending(path: "Goldens/\(name)")
  if ProcessInfo.processInfo.environment["RECORD_SNAPSHOTS"] == "1" {
    try actual.write(to: file, atomically: true, encoding: .utf8)
    Issue.record("recorded \(name); read it and run again", sourceLocation: sourceLocation)
    return
  }
  let expected = try String(contentsOf: file, encoding: .utf8)
  guard actual != expected else { return }
  let (left, right) = (actual.split(separator: "\n"), expected.split(separator: "\n"))
  let difference = zip(left, right).first { $0 != $1 }
  Issue.record(
    """
    \(name) differs (\(left.count) lines, expected \(right.count)); first difference:
      is     \(difference.map { String($0.0) } ?? "-")
      should \(difference.map { String($0.1) } ?? "-")
    """, sourceLocation: sourceLocation)
}
