/// A state of a feed: the releases that one manifest lists, under one serial.
struct DemoEdition: Sendable {
  /// The manifest's name in a staged directory, such as `beacon/1.1.0`.
  var name: String
  var serial: Int64
  var releases: [DemoRelease]
}

/// Feeds of Beacon: the honest one, edition by edition, and the reckless one.
///
/// `Migrations/README.md` says why the windows are what they are.
enum DemoFeeds {
  /// The honest feed's editions, by serial.
  static let honest = [
    DemoEdition(name: "beacon/1.0.0", serial: 1, releases: [first(max: 2)]),
    DemoEdition(name: "beacon/1.1.0", serial: 2, releases: [first(max: 4), second(max: 5)]),
    DemoEdition(
      name: "beacon/1.1.1", serial: 3,
      releases: [first(max: 4), second(max: 5), faulty("1.1.1", max: 5)]),
    DemoEdition(
      name: "beacon/1.2.0", serial: 4,
      releases: [first(max: 4), second(max: 6), faulty("1.1.1", max: 6), third]),
  ]

  /// In place of the third honest edition: a release that aborts with requests in flight.
  static let aborting = DemoEdition(
    name: "beacon/1.1.1+abort", serial: 3,
    releases: [first(max: 4), second(max: 5), faulty("1.1.1+abort", max: 5)])

  /// The reckless feed's editions, by serial; its manifest claims that 1.0.0 works on schema 4.
  static let reckless = [
    DemoEdition(name: "beacon-reckless/1.0.0", serial: 1, releases: [first(max: 2)]),
    DemoEdition(
      name: "beacon-reckless/1.1.0", serial: 2, releases: [first(max: 4), recklessSecond]),
  ]

  private static func first(max: Int64) -> DemoRelease {
    DemoRelease(
      version: "1.0.0", notes: "Feature flags with segments, rules and variants.",
      window: .init(min: 2, max: max), expand: [1, 2])
  }

  private static func second(max: Int64) -> DemoRelease {
    DemoRelease(
      version: "1.1.0",
      notes: "The share of a flag moves to a table of its own; the column goes in the end.",
      window: .init(min: 4, max: max), upgradeFrom: ">=1.0.0 <1.1.0", expand: [3], backfill: [4],
      contract: [5])
  }

  private static let recklessSecond = DemoRelease(
    version: "1.1.0",
    notes: "The share of a flag moves to a table of its own. Tested on an empty database.",
    window: .init(min: 4, max: 4), upgradeFrom: ">=1.0.0 <1.1.0", expand: [3], backfill: [4])

  private static func faulty(_ version: String, max: Int64) -> DemoRelease {
    DemoRelease(
      version: version, notes: "A small correction.", window: .init(min: 4, max: max),
      upgradeFrom: ">=1.1.0 <1.1.1")
  }

  private static let third = DemoRelease(
    version: "1.2.0", notes: "Each change of a flag is recorded.", window: .init(min: 6, max: 6),
    upgradeFrom: ">=1.1.0 <1.2.0", expand: [6])
}
