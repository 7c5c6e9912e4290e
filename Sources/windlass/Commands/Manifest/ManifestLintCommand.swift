import ArgumentParser
import ReleaseFeeds
import WindlassCore
import WindlassWire

/// `windlass manifest lint`: everything to say about a manifest, signed or not.
struct ManifestLintCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "lint",
    abstract: "Shows every broken rule of a manifest, and what is probably not meant.",
    discussion: """
      Example: windlass manifest lint beacon.json

      Exits 0 when readers would accept the manifest, 1 when not; warnings change nothing.
      """)

  @Argument(help: "The manifest to check; it needs no signature.")
  var manifest: String

  @OptionGroup var outputOptions: OutputOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    let bytes = try ManifestFiles.manifest(manifest)
    let findings = ManifestLint.findings(in: bytes, at: SystemClock(floor: nil).now())
    let errors = findings.count { $0.severity == .error }
    for finding in findings {
      let place = finding.path.isEmpty ? "" : "\(finding.path): "
      output.line(label(finding.severity), ": \(place)\(finding.message)")
    }
    output.line(
      .strong(manifest),
      ": \(counted(errors, "error")), \(counted(findings.count - errors, "warning"))")
    output.object([
      "manifest": .string(manifest), "errors": .integer(Int64(errors)),
      "warnings": .integer(Int64(findings.count - errors)),
      "findings": .array(
        findings.map {
          [
            "severity": .string($0.severity.rawValue), "path": .string($0.path),
            "message": .string($0.message),
          ]
        }),
    ])
    return errors == 0 ? .done : .failed
  }

  private func counted(_ count: Int, _ noun: String) -> String {
    "\(count) \(noun)\(count == 1 ? "" : "s")"
  }

  private func label(_ severity: ManifestFinding.Severity) -> Span {
    switch severity {
    case .error: .bad("error")
    case .warning: .warning("warning")
    }
  }
}
