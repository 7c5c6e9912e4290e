import WindlassCore
import WindlassWire

/// What a manifest says, wherever its bytes came from.
///
/// Only this module sees it: the rest of Windlass reads a `Manifest`, which takes verified bytes,
/// and a publisher's tools check their own unsigned document with it.
struct ManifestContent: Hashable, Sendable {
  var service: ServiceName
  var serial: Int64
  var expires: Timestamp
  /// Ascending by version.
  var releases: [ManifestRelease]

  /// Reads a document and checks every rule.
  init(_ bytes: [UInt8]) throws(ManifestError) {
    let releases: ManifestNode
    (self, releases) = try ManifestContent.header(of: ManifestNode(ManifestContent.json(bytes)))
    var versions: Set<Version> = []
    for element in try releases.elements(max: Bounds.releasesMax) {
      let release = try element.release()
      guard versions.insert(release.version).inserted else {
        throw try element.required("version").error("\(release.version) is listed twice")
      }
      self.releases.append(release)
    }
    self.releases.sort { $0.version < $1.version }
    if let error = orderErrors().first { throw error }
  }

  private init(service: ServiceName, serial: Int64, expires: Timestamp) {
    self.service = service
    self.serial = serial
    self.expires = expires
    releases = []
  }

  /// The JSON document in the bytes.
  static func json(_ bytes: [UInt8]) throws(ManifestError) -> JSONValue {
    do throws(JSONError) {
      return try JSONValue.parse(bytes, limits: JSONLimits())
    } catch {
      throw ManifestError(.notJSON, path: "", message: "not a JSON document: \(error)")
    }
  }

  /// Everything but the releases, and the node of their list.
  static func header(
    of document: ManifestNode
  ) throws(ManifestError) -> (ManifestContent, ManifestNode) {
    // First, because another format may have other rules for everything else.
    for (name, expected) in [
      ("apiVersion", ManifestFields.apiVersion), ("kind", ManifestFields.kind),
    ] {
      let node = try document.required(name)
      guard try node.text(max: Bounds.nameLengthMax) == expected else {
        throw ManifestError(
          .unknownFormat, path: node.path,
          message: "must be \"\(expected)\", the only one that this windlass reads; if the"
            + " publisher moved on, update windlass")
      }
    }
    let content = ManifestContent(
      service: ServiceName(try document.required("service").word()),
      serial: try document.required("serial").whole(in: 1...Bounds.serialLimit - 1),
      expires: try document.required("expires").time())
    return (content, try document.required("releases"))
  }

  /// What is wrong between releases: each one's migrations must lie above those of every lower
  /// release, because there is one ledger.
  func orderErrors() -> [ManifestError] {
    var errors: [ManifestError] = []
    var highest: [String: (release: Version, schema: SchemaVersion)] = [:]
    // Builds of one version have equal precedence and may hold the same migrations.
    var ofSamePrecedence: [ManifestRelease] = []
    for release in releases {
      if let other = ofSamePrecedence.first,
        other.version.precedence(against: release.version) != .equal
      {
        for support in ofSamePrecedence.flatMap(\.engines) {
          guard let last = support.migrations.last?.version else { continue }
          if let found = highest[support.engine], found.schema >= last { continue }
          highest[support.engine] = (other.version, last)
        }
        ofSamePrecedence = []
      }
      ofSamePrecedence.append(release)
      for support in release.engines {
        guard let first = support.migrations.first?.version,
          let lower = highest[support.engine], first <= lower.schema
        else { continue }
        errors.append(
          ManifestError(
            path: "releases[\(release.version)].migrations.\(support.engine)",
            message: "names \(first), which is not above \(lower.schema) of release"
              + " \(lower.release); every release names only its own migrations, and their numbers"
              + " only grow"))
      }
    }
    return errors
  }
}
