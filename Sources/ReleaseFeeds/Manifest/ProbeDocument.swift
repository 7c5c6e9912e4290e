package import WindlassCore
import WindlassWire

/// Probes in a file of their own, written as in a release of a manifest.
package enum ProbeDocument {
  /// Reads a JSON array of probes.
  ///
  /// - Throws: `ManifestError`, which names the place such as `[0].path`.
  package static func probes(_ bytes: [UInt8]) throws(ManifestError) -> [Probe] {
    let document: JSONValue
    do {
      document = try JSONValue.parse(bytes)
    } catch {
      throw ManifestError(.notJSON, path: "", message: error.description)
    }
    return try ManifestNode(document).probes()
  }
}
