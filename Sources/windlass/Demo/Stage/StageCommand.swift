import ArgumentParser
import Glibc
import ReleaseFeeds
import WindlassCore
import WindlassWire

/// Everything that a publisher of Beacon publishes, as files, for tests that bring their own
/// daemon.
struct StageCommand: ReportingCommand {
  static let configuration = CommandConfiguration(
    commandName: "stage",
    abstract: "Writes Beacon's archives and signed manifests into a directory.",
    discussion: """
      Each edition of a feed is NAME.json with NAME.json.minisig beside it, below feeds/; its \
      archives are file: URLs. To publish one, put both files where the daemon polls. The result \
      names the public key of each service.

      Example: windlass stage /tmp/stage --json
      """,
    shouldDisplay: false)

  @Argument(help: "An absolute path; the directory is made when it is missing.")
  var directory: String

  @OptionGroup var outputOptions: OutputOptions

  func validate() throws {
    guard directory.hasPrefix("/") else { throw ValidationError("The path must be absolute.") }
  }

  func perform(_ output: Output) async throws -> ExitStatus {
    let root = try PrivateDirectory(existing: "").directory(directory)
    let stage = try DemoStage(
      directory: root, archiveURL: "file://\(root.path)/archives/",
      published: SystemClock(floor: nil).now() + .minutes(-1))
    var artifacts: [String: DemoArchive] = [:]
    for version in ["1.0.0", "1.1.0", "1.1.1", "1.1.1+abort", "1.2.0"] {
      artifacts[version] = try stage.artifact(version)
    }
    var keys: [JSONMember] = []
    for (service, editions, files) in [
      ("beacon", DemoFeeds.honest + [DemoFeeds.aborting], { EmbeddedMigrations.honest($0) }),
      ("beacon-reckless", DemoFeeds.reckless, { EmbeddedMigrations.reckless($0) }),
    ] {
      let key = SecretKey.generate()
      let folder = try root.directory("feeds/\(service)")
      for edition in editions {
        let manifest = try stage.manifest(
          edition, service: service, files: files, key: key, artifacts: artifacts)
        let name = edition.name.dropFirst(service.count + 1) + ".json"
        try folder.write(String(name), manifest.bytes)
        try folder.write(name + ".minisig", manifest.signature)
      }
      keys.append(JSONMember(service, .string(key.publicKey.text)))
      output.line("\(service): \(key.publicKey.text)")
    }
    output.object(["directory": .string(root.path), "publicKeys": .object(keys)])
    return .done
  }
}
