package import WindlassCore

/// Which release's server is to be put to its probes, and on which copy.
package struct VisitRequest: Codable, Hashable, Sendable {
  package let part: ServerPart
  /// The copy's label.
  package let copy: String
  /// The copy's URL where that is a file; nil where it holds a password.
  package let copyFile: String?
  /// What the other release captured, for the old server to read.
  let written: CapturedText
  /// Sets of probes that were begun before; makes the value of `{unique}`.
  let setsBegun: Int

  /// The release whose server it is.
  package func release(of plan: Plan) -> Release? {
    part.isOfSource ? plan.source : plan.target
  }
}
