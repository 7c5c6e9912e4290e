import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// Wishes that change while a run is open: the run goes by the one that it was opened with.
struct OpenRunWishTests {
  private static let worlds = 2
  /// How far a run has come, told by what it did.
  private static let stages: [(name: String, isReached: @Sendable (ServiceModel) -> Bool)] = [
    ("after the preparation", { ($0.counts.steps["prepare"] ?? 0) > 0 }),
    ("after the backup", { $0.counts.backups > 0 }),
    ("amid the proof", { ($0.counts.steps["prove"] ?? 0) > 0 }),
    ("after the expansion", { ($0.schema ?? 0) >= 3 }),
    ("amid the backfill", { $0.counts.backfillParts > 0 }),
    ("after the canary", { ($0.counts.podsStarted["1.1.0"] ?? 0) > 0 }),
    ("after the roll", { ($0.counts.podsStarted["1.1.0"] ?? 0) > 2 }),
    ("after the commit point", { $0.counts.commitPoints > 0 }),
  ]

  private static func isRolling(_ stage: Int) -> Bool {
    ["after the canary", "after the roll"].contains(stages[stage].name)
  }

  @Test(arguments: 0..<worlds)
  func `an open run ends by its own wish, and then the service is well by a good one`(
    part: Int
  ) async throws {
    var rows: [WishCampaign.Row] = []
    let all = WishWorld.admitted(by: ServiceScene()).indices
    let chosen = WishSlice.chosen(Array(all), oneOf: 36)
    for (turn, place) in chosen.enumerated() where turn % Self.worlds == part {
      let made: [WishCampaign.Row] = try await WishWorld.with { world in
        let value = WishWorld.admitted(by: world.scene)[place]
        let stage = turn % Self.stages.count
        // An instance whose end nobody saw would hold the run up until a person has looked.
        let dies = turn % 3 == 0 && !Self.isRolling(stage)
        return try await Self.disturb(world, value, at: stage, dies: dies)
      }
      rows += made
    }
    try WishReport.write(rows, as: "wishes-amid-a-run-\(part)")
    #expect(!rows.isEmpty)
  }

  /// Has a wish changed amid an upgrade.
  private static func disturb(
    _ world: OperatorWorld, _ value: WishValue, at stage: Int, dies: Bool
  ) async throws -> [WishCampaign.Row] {
    let campaign = WishCampaign(world)
    let (name, isReached) = stages[stage]
    let context = "\(value.path) (\(value.kind)) \(name)"
    try await WishWorld.publish(releases: 2, in: world)
    try await world.waits(context) { isReached(world.model) }
    let written = try await campaign.write(value)
    if dies { try await campaign.restart() }
    // A pause holds what it finds; everything else waits for the end of the run.
    if value.spec["policy"]?["paused"] == true {
      await world.pass(.minutes(1))
      try await campaign.recover(after: [value])
    } else {
      try await world.reaches("the end of the run, for \(context)") { service in
        service.deployedVersion == "1.1.0"
          && value.reaction.isShown(by: service, of: written.generation)
      }
      campaign.note(value, world.service?.told ?? "", true)
      try await campaign.recover(after: [value])
    }
    let counts = world.model.counts
    #expect(world.service?.isAtRest(at: "1.1.0") == true, "\(context)")
    #expect(counts.migrations == [3: 1, 4: 1, 5: 1], "\(context)")
    #expect(counts.commitPoints == 1 && counts.backups == 2, "\(context)")
    #expect(counts.podsStarted == ["1.0.0": 3, "1.1.0": 3], "\(context)")
    #expect(world.model.running == ["1.1.0": 3], "\(context)")
    #expect(world.model.breaches == [], "\(context)")
    return campaign.tried
  }

  /// Wishes that show that they are bad only when a run needs what they name.
  private static let lacks: [(path: String, value: JSONValue, words: [String])] = [
    ("spec.backup.volumeClaim", "no-such-claim", ["no-such-claim"]),
    (
      "spec.database.roles.backup.urlFrom",
      ["secretKeyRef": ["name": "no-such-secret", "key": "url"]], ["no-such-secret"]
    ),
    (
      "spec.database.roles.migrate.urlFrom",
      ["secretKeyRef": ["name": "beacon-db", "key": "no-such-key"]], ["no-such-key"]
    ),
    (
      "spec.proof.scratchURLFrom", ["secretKeyRef": ["name": "no-such-secret", "key": "url"]],
      ["no-such-secret"]
    ),
  ]

  @Test(arguments: WishSlice.isWhole ? Array(0..<lacks.count) : [1], [false, true])
  func `a run that can't begin is given up for a better wish, and the next one goes through`(
    place: Int, dies: Bool
  ) async throws {
    let (path, lacking, words) = Self.lacks[place]
    try await WishWorld.with { world in
      let campaign = WishCampaign(world)
      let base = world.scene.wish.body["spec"] ?? .object([])
      let bad = WishValue(
        path: path, kind: "lacking", spec: WishStage.edit(base, path, lacking), reaction: .quiet)
      let written = try await campaign.write(bad)
      try await world.reaches("a quiet wish") { $0.isWell(at: written.generation) }
      try await WishWorld.publish(releases: 2, in: world)
      let told = WishValue.Reaction.told(words: words)
      try await world.reaches("what is lacking") { service in
        told.isShown(by: service, of: written.generation)
      }
      if dies { try await campaign.restart() }
      let good = try await campaign.write(
        WishValue(path: path, kind: "good again", spec: base, reaction: .good))
      try await world.reaches("the upgrade by the better wish") { service in
        service.isAtRest(at: "1.1.0") && service.isWell(at: good.generation)
      }
      #expect(world.model.counts.migrations == [3: 1, 4: 1, 5: 1])
      #expect(world.model.counts.podsStarted == ["1.0.0": 3, "1.1.0": 3])
      #expect(world.model.breaches == [])
      #expect(world.service?.body.value(at: "/status/quarantined") == nil)
    }
  }
}
