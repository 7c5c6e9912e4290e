import WindlassWire

/// Why a document is no release manifest, and where in it.
package struct ManifestError: Error, Hashable, Sendable, CustomStringConvertible {
  /// The ways to fail; bounded, so they may label a metric.
  package enum Code: String, Sendable {
    /// The bytes are no JSON document within the limits.
    case notJSON = "ManifestNotJSON"
    /// A format that this program does not know.
    case unknownFormat = "ManifestFormatUnknown"
    /// A field is missing or breaks a rule.
    case invalid = "ManifestInvalid"
  }

  /// The way that the document fails.
  package var code: Code
  /// The field, such as `releases[0].schema.sqlite.min`; empty for the document itself.
  package var path: String
  /// What is wrong with it, and what it should be.
  package var message: String

  /// Makes an error at a field.
  package init(_ code: Code = .invalid, path: String, message: String) {
    self.code = code
    self.path = path
    self.message = message
  }

  package var description: String { path.isEmpty ? message : "\(path): \(message)" }
}
