import Testing
import WindlassSchema

/// `docs/roles.md`, whose statements and commands the tests run as they stand there.
package enum RolesPage {
  /// The lines of code under a heading of the third level, up to the next heading.
  ///
  /// - Parameter language: what stands behind the mark of the code.
  package static func lines(under heading: String, _ language: String) throws -> [String] {
    // This file is four folders below the top.
    let root = #filePath.split(separator: "/").dropLast(4).joined(separator: "/")
    let bytes = try FileStream.read("/\(root)/docs/roles.md", sizeMax: 1 << 20)
    let text = String(decoding: try #require(bytes, "there is no docs/roles.md"), as: UTF8.self)
    var (isUnderHeading, isCode) = (false, false)
    var lines: [String] = []
    for line in text.split(separator: "\n", omittingEmptySubsequences: false) {
      if line.hasPrefix("```") {
        isCode = !isCode && isUnderHeading && line == "```\(language)"
      } else if isCode {
        lines.append(String(line))
      } else if line.hasPrefix("#") {
        isUnderHeading = line == "### \(heading)"
      }
    }
    return lines
  }
}
