import FoundationEssentials
import ReleaseFeeds
import WindlassCore
import WindlassWire

/// Beacon's published releases, staged once for all tests of a process, below the build.
///
/// Packing and unpacking the programs takes seconds, and nothing of it changes afterwards.
struct StagedFeeds: Sendable {
  /// The staged feeds; a failure to stage fails every test that needs them.
  static func shared() throws -> StagedFeeds { try staging.get() }

  private static let staging = Result { try StagedFeeds() }

  /// Where archives are unpacked.
  let artifacts: String
  private let stage: String
  private let publicKeys: JSONValue

  private init() throws {
    let root = "\(Program.directory)/end-to-end"
    try TemporaryDirectory.remove(root)
    stage = "\(root)/stage"
    artifacts = "\(root)/artifacts"
    let ending = try Program.run("windlass", ["stage", stage, "--json"])
    guard ending.status == 0 else { throw StageFailure(text: ending.errors) }
    publicKeys = try JSONValue.parse(Array(ending.output.utf8))["publicKeys"] ?? .null
  }

  /// The releases that an edition of a feed lists, ascending, after its signature was verified.
  func releases(
    of feed: String, edition: String, engine: String = "sqlite"
  ) throws -> [Release] {
    let path = "\(stage)/feeds/\(feed)/\(edition).json"
    let document = try VerifiedDocument.verify(
      [UInt8](try Data(contentsOf: URL(filePath: path))),
      signature: [UInt8](try Data(contentsOf: URL(filePath: path + ".minisig"))),
      by: TrustedKeys([publicKeys[feed]?.string ?? ""]))
    return try Manifest(document).releases(engine: engine).sorted { $0.version < $1.version }
  }

  /// The bytes of an edition's manifest.
  func manifest(of feed: String, edition: String) throws -> [UInt8] {
    [UInt8](try Data(contentsOf: URL(filePath: "\(stage)/feeds/\(feed)/\(edition).json")))
  }

  /// Brings an empty database of Beacon's to a schema, as a person does before Windlass is there.
  func migrateBeacon(to version: Int, _ url: String, engine: String = "postgres") throws {
    let folder = "\(stage)/migrations/beacon-\(engine)-\(version)"
    let ended = try Program.run(
      "windlass", ["migrate", "--database", "env:DB", "--path", folder, "--to", "\(version)"],
      environment: ["DB": url])
    guard ended.status == 0 else { throw StageFailure(text: ended.errors) }
  }

  /// `windlass stage` did not do its work.
  struct StageFailure: Error {
    var text: String
  }
}
