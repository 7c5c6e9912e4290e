import Glibc
import ProcessFleet
import ReleaseFeeds
import WindlassCore
import WindlassWire

/// Makes what a publisher of Beacon publishes: archives of its releases and migrations, and signed
/// manifests, from the executable `beacon` beside this one.
struct DemoStage: Sendable {
  /// Where everything is written.
  let directory: PrivateDirectory
  /// What stands in front of an archive's name in a manifest, such as `http://127.0.0.1:1/`.
  let archiveURL: String
  private let beacon: String
  private let published: Timestamp

  /// Finds `beacon`.
  ///
  /// - Throws: `CommandFailure` when there is no such program.
  init(
    directory: PrivateDirectory, archiveURL: String, published: Timestamp
  ) throws(CommandFailure) {
    self.directory = directory
    self.archiveURL = archiveURL
    self.published = published
    beacon = try DemoStage.programBesideThis("beacon")
  }

  /// The path of a program in the directory of this one.
  static func programBesideThis(_ name: String) throws(CommandFailure) -> String {
    var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let length = readlink("/proc/self/exe", &buffer, buffer.count)
    let windlass = String(decoding: buffer.prefix(max(length, 0)), as: UTF8.self)
    let path = windlass.prefix(upTo: windlass.lastIndex(of: "/") ?? windlass.endIndex) + "/" + name
    guard access(String(path), X_OK) == 0 else {
      throw CommandFailure(
        .failed, "ProgramMissing",
        "The example service is missing: there is no program \(path). Build it with "
          + "`swift build --product \(name)`, or keep the two programs in one directory.")
    }
    return String(path)
  }

  /// Packs the executable with the name of the release that it is to be.
  func artifact(_ version: String) throws -> DemoArchive {
    let folder = try directory.directory("artifacts/\(version)")
    // A second name for the same file; a copy where the directory is on another file system.
    let name = "\(folder.path)/beacon"
    unlink(name)
    if link(beacon, name) != 0 {
      let bytes = try RegularFile.read(beacon, sizeMax: Int(Bounds.archiveSizeMax))
      try folder.write("beacon", bytes, executable: true)
    }
    try folder.write("release", "\(version)\n".utf8)
    return try pack(folder, as: "beacon-\(version).tar.gz")
  }

  /// Packs the migrations from the first one to `last`.
  func migrations(
    _ files: [EmbeddedMigration], to last: Int64, as name: String
  ) throws -> DemoArchive {
    let folder = try directory.directory("migrations/\(name)-\(last)")
    for file in files where file.version <= last {
      try folder.write(file.name, file.text.utf8)
    }
    return try pack(folder, as: "\(name)-migrations-\(last).tar.gz")
  }

  /// Makes one edition's manifest, signed by the key.
  func manifest(
    _ edition: DemoEdition, service: String,
    files: (DemoEngine) -> [EmbeddedMigration], key: SecretKey,
    artifacts: [String: DemoArchive]
  ) throws -> SignedManifest {
    var releases: [JSONValue] = []
    for release in edition.releases {
      guard let artifact = artifacts[release.version] else {
        preconditionFailure("no archive was made of release \(release.version)")
      }
      var archives: [(DemoEngine, DemoArchive)] = []
      if let last = release.lastMigration {
        archives = try DemoEngine.allCases.map { engine in
          (engine, try migrations(files(engine), to: last, as: "\(service)-\(engine.rawValue)"))
        }
      }
      releases.append(
        release.document(
          published: published.rfc3339, artifact: artifact, migrations: archives))
    }
    let expires = published + .hours(24 * 30)
    let builder = ManifestBuilder(
      service: ServiceName(service), serial: edition.serial, expires: expires,
      releases: releases)
    return try builder.signed(by: key)
  }

  private func pack(_ folder: PrivateDirectory, as name: String) throws -> DemoArchive {
    let archives = try directory.directory("archives")
    let (digest, size) = try ArchiveWriter.pack(
      folder.path, to: "\(archives.path)/\(name)", isQuick: true)
    return DemoArchive(url: archiveURL + name, digest: digest.text, size: size)
  }
}
