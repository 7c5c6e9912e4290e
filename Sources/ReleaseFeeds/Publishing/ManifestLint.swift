package import WindlassCore
import WindlassWire

/// Something that a publisher should know about a manifest before it is signed.
package struct ManifestFinding: Hashable, Sendable, CustomStringConvertible {
  /// How bad it is.
  package enum Severity: String, Sendable, Comparable {
    /// Readers work with it, but probably not as meant.
    case warning
    /// Readers refuse the manifest.
    case error

    package static func < (left: Severity, right: Severity) -> Bool {
      left == .warning && right == .error
    }
  }

  /// Whether readers refuse the manifest for it.
  package var severity: Severity
  /// The field, such as `releases[0].schema.sqlite.min`; empty for the document itself.
  package var path: String
  /// What is wrong or doubtful, and what to do.
  package var message: String

  package var description: String {
    "\(severity.rawValue): \(path.isEmpty ? "" : path + ": ")\(message)"
  }
}

/// Checks a document that need not be signed; nothing can be done with it but read the findings.
package enum ManifestLint {
  /// Everything to say about the document, errors first.
  ///
  /// Every release is checked, so that one mistake does not hide those behind it.
  package static func findings(in bytes: [UInt8], at now: Timestamp) -> [ManifestFinding] {
    var findings: [ManifestFinding] = []
    do throws(ManifestError) {
      let document = ManifestNode(try ManifestContent.json(bytes))
      findings += unknownFields(of: document)
      var (content, list) = try ManifestContent.header(of: document)
      findings += expiry(of: content, at: now)
      var paths: [Version: String] = [:]
      for node in try list.elements(max: Bounds.releasesMax) {
        do throws(ManifestError) {
          let release = try node.release()
          if let other = paths.updateValue(node.path, forKey: release.version) {
            findings.append(
              error(ManifestError(path: node.path, message: "has the version of \(other)")))
          } else {
            content.releases.append(release)
          }
        } catch {
          findings.append(self.error(error))
        }
      }
      content.releases.sort { $0.version < $1.version }
      findings += content.orderErrors().map(error)
      findings += content.doubts(paths: paths)
    } catch {
      findings.append(self.error(error))
    }
    return findings.filter { $0.severity == .error } + findings.filter { $0.severity == .warning }
  }

  private static func error(_ error: ManifestError) -> ManifestFinding {
    ManifestFinding(severity: .error, path: error.path, message: error.message)
  }

  private static func expiry(
    of content: ManifestContent, at now: Timestamp
  ) -> [ManifestFinding] {
    guard content.expires <= now else { return [] }
    return [
      ManifestFinding(
        severity: .warning, path: "expires",
        message: "\(content.expires.rfc3339) has passed: nobody starts a run on this manifest")
    ]
  }

  // MARK: Unknown fields

  private static func unknownFields(of document: ManifestNode) -> [ManifestFinding] {
    var findings = unknown(in: document, but: ManifestFields.manifest)
    for release in children(of: document, "releases") {
      findings += unknown(in: release, but: ManifestFields.release)
      findings += unknown(in: child(of: release, "yanked"), but: ManifestFields.yanked)
      let artifact = child(of: release, "artifact")
      findings += unknown(in: artifact, but: ManifestFields.artifact)
      findings += unknown(in: child(of: artifact, "archive"), but: ManifestFields.archive)
      for engine in children(of: release, "schema") {
        findings += unknown(in: engine, but: ManifestFields.window)
      }
      for engine in children(of: release, "migrations") {
        findings += unknown(in: engine, but: ManifestFields.migrations)
        findings += unknown(in: child(of: engine, "archive"), but: ManifestFields.archive)
      }
      for engine in children(of: release, "queries") {
        findings += unknown(in: engine, but: ManifestFields.queries)
      }
      for probe in children(of: release, "probes") {
        findings += unknown(in: probe, but: ManifestFields.probe)
        findings += unknown(in: child(of: probe, "expect"), but: ManifestFields.expectation)
      }
    }
    return findings
  }

  private static func unknown(
    in node: ManifestNode?, but known: [String]
  ) -> [ManifestFinding] {
    guard let node, let members = node.value.object else { return [] }
    return members.filter { !known.contains($0.name) }.map { member in
      ManifestFinding(
        severity: .warning, path: node.path(to: member.name),
        message: "is not a field that Windlass knows, and is ignored; check its spelling")
    }
  }

  private static func child(of node: ManifestNode?, _ name: String) -> ManifestNode? {
    guard let node, let value = node.value[name] else { return nil }
    return ManifestNode(value, path: node.path(to: name))
  }

  /// The elements of an array, or the values of an object's members.
  private static func children(of node: ManifestNode?, _ name: String) -> [ManifestNode] {
    guard let list = child(of: node, name) else { return [] }
    switch list.value {
    case .array(let elements):
      return elements.enumerated().map { ManifestNode($1, path: "\(list.path)[\($0)]") }
    case .object(let members):
      return members.map { ManifestNode($0.value, path: list.path(to: $0.name)) }
    case .null, .bool, .integer, .double, .string: return []
    }
  }
}
