import Testing
import WindlassCore
import WindlassWire

@testable import KubernetesFleet

/// The campaign over every field of the wish (after Acto, SOSP'23): bad values, each followed by a
/// good one.
///
/// A fixed part of it in every test run, all of it with `WINDLASS_TORTURE=all`.
struct WishCampaignTests {
  /// Worlds among which the values are dealt out.
  private static let worlds = 8

  @Test(arguments: 0..<worlds)
  func `after a bad value a good one has the service well again`(world number: Int) async throws {
    let report = try WishReport("wishes-at-rest-\(number)")
    try await WishWorld.with { world in
      let values = WishWorld.values(for: world.scene)
      let mine = WishSlice.chosen(values, oneOf: 12).enumerated()
        .filter { $0.offset % Self.worlds == number }.map(\.element)
      #expect(!mine.isEmpty)
      let campaign = WishCampaign(world, listedIn: report)
      var rest = mine[...]
      var count = 0
      while let first = rest.popFirst() {
        count += 1
        // Some bad wishes are followed by another bad one, and some by the operator's death.
        let chain = count % 5 == 0 ? [first] + rest.prefix(1) : [first]
        if chain.count > 1 { rest = rest.dropFirst() }
        try await campaign.attempt(chain, restarts: count % 7 == 0)
      }
    }
  }
}
