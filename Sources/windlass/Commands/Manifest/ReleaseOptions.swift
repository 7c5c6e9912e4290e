import ArgumentParser
import ReleaseFeeds
import WindlassCore
import WindlassWire

/// What a person says about a release, in options, in a file, or in both.
struct ReleaseOptions: ParsableArguments {
  @Option(
    help: ArgumentHelp(
      "A JSON file with the release as the manifest holds it.",
      discussion: """
        An archive in it may have "file" in place of sha256 and size; a relative path starts at \
        the JSON file. Other options win over the file.
        """))
  var release: String?

  @Option(help: "The version, such as 1.2.0.")
  var version: String?

  @Option(help: "The channel; stable by default.")
  var channel: String?

  @Option(help: "When it was published, such as 2026-11-20T10:00:00Z; now by default.")
  var published: String?

  @Option(help: "The release notes.")
  var notes: String?

  @Option(help: "A file with the release notes.")
  var notesFile: String?

  @Option(help: "How urgent it is, in one word; normal by default.")
  var severity: String?

  @Option(help: "Versions that may go straight to this one, such as \">=1.0.0 <1.2.0\".")
  var upgradeFrom: String?

  @Flag(help: "No path may jump over this release.")
  var requiredStop = false

  @Option(help: "The service's archive (.tar.gz).")
  var archive: String?

  @Option(help: "The container image, best with its digest.")
  var image: String?

  @Option(
    help: ArgumentHelp("The schema versions that it works with.", valueName: "engine=min...max"))
  var schema: [EngineAssignment] = []

  @Option(help: ArgumentHelp("The archive of its migrations.", valueName: "engine=file"))
  var migrations: [EngineAssignment] = []

  @Option(help: ArgumentHelp("Its migrations before the roll.", valueName: "engine=n,n"))
  var expand: [EngineAssignment] = []

  @Option(help: ArgumentHelp("Its data moves before the roll.", valueName: "engine=n,n"))
  var backfill: [EngineAssignment] = []

  @Option(help: ArgumentHelp("Its migrations after the roll.", valueName: "engine=n,n"))
  var contract: [EngineAssignment] = []

  @Option(help: ArgumentHelp("The queries that its server asks.", valueName: "engine=file"))
  var queries: [EngineAssignment] = []

  @Option(help: "A JSON file with its probes, as a list.")
  var probes: String?

  @Option(help: "Where the files will be; a file's name is put behind it.")
  var baseURL: String?

  /// The release as the manifest will hold it, and the files that were measured for it.
  func build(at now: Timestamp) throws(CommandFailure) -> (
    release: JSONValue, files: [ArchivePublisher.Measurement]
  ) {
    var publisher = ArchivePublisher(baseURL: baseURL)
    var result = JSONValue.object([])
    if let release {
      let slash = release.lastIndex(of: "/")
      publisher = ArchivePublisher(
        baseURL: baseURL, directory: slash.map { String(release[...$0]) })
      result = try publisher.resolve(try json(release))
    }
    var files = ArchivePublisher(baseURL: baseURL)
    try applyTexts(to: &result, at: now)
    try applyFiles(to: &result, &files)
    try applySchema(to: &result)
    return (result, publisher.measurements + files.measurements)
  }

  private func applyTexts(to result: inout JSONValue, at now: Timestamp) throws(CommandFailure) {
    if result["published"] == nil { result.set(["published"], to: .string(now.rfc3339)) }
    for (name, text) in [
      ("version", version), ("channel", channel), ("published", published), ("notes", notes),
      ("severity", severity), ("upgradeFrom", upgradeFrom),
    ] {
      if let text { result.set([name], to: .string(text)) }
    }
    if let notesFile {
      let bytes = try ManifestFiles.read(
        notesFile, sizeMax: Bounds.manifestSizeMax, what: "notes", whenMissing: .usage)
      result.set(["notes"], to: .string(String(decoding: bytes, as: UTF8.self)))
    }
    if requiredStop { result.set(["requiredStop"], to: true) }
    if let probes { result.set(["probes"], to: try json(probes)) }
  }

  private func applyFiles(
    to result: inout JSONValue, _ publisher: inout ArchivePublisher
  ) throws(CommandFailure) {
    if let archive {
      result.set(["artifact", "archive"], to: try publisher.archive(archive))
    }
    if let image { result.set(["artifact", "image"], to: .string(image)) }
    for assignment in migrations {
      result.set(
        ["migrations", assignment.engine, "archive"],
        to: try publisher.archive(assignment.value))
    }
    for assignment in queries {
      result.set(
        ["queries", assignment.engine],
        to: try publisher.queries(assignment.value, engine: assignment.engine))
    }
  }

  private func applySchema(to result: inout JSONValue) throws(CommandFailure) {
    for assignment in schema {
      result.set(["schema", assignment.engine], to: try assignment.window())
    }
    for (phase, assignments) in [
      ("expand", expand), ("backfill", backfill), ("contract", contract),
    ] {
      for assignment in assignments {
        result.set(
          ["migrations", assignment.engine, phase], to: try assignment.versions(of: "--\(phase)"))
      }
    }
  }

  private func json(_ path: String) throws(CommandFailure) -> JSONValue {
    let bytes = try ManifestFiles.read(
      path, sizeMax: Bounds.manifestSizeMax, what: "file", whenMissing: .usage)
    do throws(JSONError) {
      return try JSONValue.parse(bytes)
    } catch {
      throw CommandFailure(.usage, "BadJSON", "\(path) is no JSON document: \(error).")
    }
  }
}
