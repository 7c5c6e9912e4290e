import WindlassCore

/// Values that the tests of the core begin with.
enum Samples {
  static let archive = ArchiveReference(url: "file:///m.tar.gz", digest: "00", size: 1)

  static func window(_ min: UInt64, _ max: UInt64) -> SchemaWindow {
    guard let window = SchemaWindow(min: SchemaVersion(min), max: SchemaVersion(max)) else {
      preconditionFailure("\(min) is above \(max)")
    }
    return window
  }

  static func release(
    _ version: Version, _ window: SchemaWindow, _ migrations: [(UInt64, MigrationPhase)] = [],
    from range: String? = nil, isRequiredStop: Bool = false, yank: Yank? = nil,
    published: Int64 = 0
  ) -> Release {
    Release(
      version: version, published: Timestamp(milliseconds: published), yank: yank,
      upgradeFrom: range.flatMap { VersionRange($0) }, isRequiredStop: isRequiredStop,
      artifact: ArchiveReference(url: "file:///a", digest: Digest(version.description), size: 1),
      window: window,
      migrations: migrations.map { Migration(version: SchemaVersion($0.0), phase: $0.1) },
      migrationArchive: archive)
  }

  static let first = release(Version(1, 0, 0), window(2, 4), [(1, .expand), (2, .expand)])
  static let second = release(
    Version(1, 1, 0), window(4, 5), [(3, .expand), (4, .backfill), (5, .contract)])

  static func offer(_ releases: [Release], expires: Int64 = .max) -> Offer {
    Offer(
      manifest: "aa", serial: 1, releases: releases, expires: Timestamp(milliseconds: expires))
  }

  static func ledger(
    _ version: UInt64?, isDirty: Bool = false, applied: [UInt64] = [], hasTables: Bool = true
  ) -> LedgerReading {
    LedgerReading(
      version: version.map { SchemaVersion($0) }, isDirty: isDirty, epoch: Epoch(1),
      applied: applied.map {
        AppliedMigration(version: SchemaVersion($0), checksum: "00", run: "beacon-r1")
      },
      hasTables: hasTables, asOf: now)
  }

  static let now = Timestamp(milliseconds: 1_000_000)

  static func record(deployed: Release?) -> ServiceRecord {
    var record = ServiceRecord(policy: ServicePolicy(service: "beacon"))
    record.deployed = deployed
    return record
  }
}
