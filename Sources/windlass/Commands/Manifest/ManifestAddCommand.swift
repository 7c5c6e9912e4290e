import ArgumentParser
import ReleaseFeeds
import WindlassCore
import WindlassWire

/// `windlass manifest add`: one more release.
struct ManifestAddCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "add",
    abstract: "Adds a release to a manifest, with the digests and sizes of its files.",
    discussion: """
      Example: windlass manifest add beacon.json --version 1.1.0 --schema sqlite=3...5 \
      --archive beacon-1.1.0.tar.gz --migrations sqlite=migrations-1.1.0.tar.gz \
      --expand sqlite=3 --backfill sqlite=4 --contract sqlite=5 \
      --base-url https://releases.example/beacon

      The manifest's serial is raised by one and its expiry moved; sign it afterwards. A release \
      that breaks a rule is not added, and the manifest stays as it is.
      """)

  @Argument(help: "The manifest to add to.")
  var manifest: String

  @OptionGroup(title: "The release") var options: ReleaseOptions

  @Option(help: "How long the manifest is good for from now, such as 30d.")
  var expiresIn = "30d"

  @OptionGroup var outputOptions: OutputOptions

  func perform(_ output: Output) async throws -> ExitStatus {
    let now = SystemClock(floor: nil).now()
    let expires = now + (try Interval.validity(expiresIn))
    let original = try ManifestFiles.manifest(manifest)
    let (release, files) = try options.build(at: now)
    let serial: Int64
    let bytes: [UInt8]
    do throws(ManifestError) {
      var builder = try ManifestBuilder(editing: original)
      builder.releases.append(release)
      builder.renew(until: expires)
      serial = builder.serial
      bytes = try builder.bytes()
    } catch {
      throw CommandFailure(
        .usage, error.code.rawValue,
        "The release was not added to \(manifest). \(error). Correct the options, or the manifest.")
    }
    try ManifestFiles.replace(manifest, with: bytes)
    let version = release["version"]?.string ?? ""
    for file in files {
      output.line("\(file.file): \(file.size) bytes, sha256 \(file.digest.text)")
    }
    output.line(
      "Added ", .strong(version), " to ", .strong(manifest), ", now serial \(serial); sign it next."
    )
    output.object([
      "manifest": .string(manifest), "version": .string(version), "serial": .integer(serial),
      "expires": .string(expires.rfc3339), "files": .array(files.map(\.json)),
    ])
    return .done
  }
}
