import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// Wishes that are bad from the beginning: the service has never been anything else.
struct FirstWishTests {
  private static let worlds = 2

  @Test(arguments: 0..<worlds)
  func `a service whose first wish was bad is adopted by the good one that follows`(
    part: Int
  ) async throws {
    let report = try WishReport("wishes-at-first-\(part)")
    #expect(try await !Self.rows(of: part, listedIn: report).isEmpty)
  }

  private static func rows(
    of part: Int, listedIn report: WishReport
  ) async throws -> [WishCampaign.Row] {
    var rows: [WishCampaign.Row] = []
    let all = WishWorld.admitted(by: ServiceScene()).indices
    let bad = all.filter { value($0, ServiceScene()).reaction.isBadAtFirst }
    // The journal has nothing of a service whose workload can't be read: it is told all the same.
    let always = CampaignPart.isWhole ? [] : bad.filter { isUnobservable($0) }
    let chosen = WishSlice.chosen(bad, oneOf: 24) + always
    for (turn, place) in chosen.enumerated() where turn % worlds == part {
      let first: @Sendable (ServiceScene) -> WishValue = { Self.value(place, $0) }
      let made: [WishCampaign.Row] = try await WishWorld.furnished(first: first) { world in
        let campaign = WishCampaign(world, listedIn: report)
        let value = Self.value(place, world.scene)
        try await campaign.expect(value)
        try await campaign.recover(after: [value])
        let service = await world.service()
        #expect(service?.isAtRest(at: "1.0.0") == true, "\(value.path) (\(value.kind))")
        #expect(world.model.counts.podsStarted == ["1.0.0": world.scene.replicas])
        return campaign.tried
      }
      rows += made
    }
    return rows
  }

  /// Whether nothing can be read of the workload that the value at that place names.
  private static func isUnobservable(_ place: Int) -> Bool {
    value(place, ServiceScene()).kind == "no such container"
  }

  /// The value at that place, and what is told of it before anything was adopted.
  private static func value(_ place: Int, _ scene: ServiceScene) -> WishValue {
    let value = WishWorld.admitted(by: scene)[place]
    // Nothing was adopted yet that it would have to keep to.
    guard value.kind == "another workload" else { return value }
    let name = value.spec["fleet"]?.object?.first?.value["name"]?.string ?? ""
    return WishValue(
      path: value.path, kind: value.kind, spec: value.spec,
      reaction: .told(words: name == Neighbour.name ? ["SharedWithAnother"] : [name]))
  }
}

extension WishValue.Reaction {
  /// Whether a service without a history tells of it.
  fileprivate var isBadAtFirst: Bool {
    switch self {
    case .declined, .told: true
    case .refused, .unknown, .quiet, .good: false
    }
  }
}
