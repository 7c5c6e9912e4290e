import Testing

@testable import KubernetesFleet

/// Wishes that change while a run is open, and wishes by which a run can't begin.
///
/// In every test run a few, with `WINDLASS_TORTURE=all` every value at every moment, and with
/// `WINDLASS_PLANS=N` besides every Nth of those.
@Suite(.serialized) struct OpenRunWishTests {
  /// Every value at every moment. Every third time the operator dies.
  private static let every: [OpenRunWish.Plan] = {
    let values = WishWorld.admitted(by: ServiceScene())
    let plans = OpenRunWish.Moment.allCases.flatMap { moment in
      values.indices.map { OpenRunWish.Plan(place: $0, moment: moment, restarts: false) }
    }
    return plans.enumerated().compactMap { number, plan in
      // Nobody here rolls what somebody else is to roll, or is the service's own command.
      let path = values[plan.place].path
      if plan.moment == .before, path.contains(".gate") || path == "spec.migrations.command" {
        return nil
      }
      return OpenRunWish.Plan(
        place: plan.place, moment: plan.moment, restarts: number % 3 == 0)
    }
  }()

  /// Whether it is tried in every test run: what can't be mounted keeps a run from beginning.
  private static func isUsual(_ plan: OpenRunWish.Plan) -> Bool {
    let value = WishWorld.admitted(by: ServiceScene())[plan.place]
    return switch plan.moment {
    case .before: value.kind == "no such claim"
    case .expanded: value.path == "spec.policy.paused"
    case .rolling: value.path == "spec.database.engine" && value.kind == "not built"
    case .opened, .backedUp, .committed: false
    }
  }

  @Test func `a run goes by the wish that it was opened with, and then the new one counts`()
    async throws
  {
    let stride = CampaignPart.stride(usually: 1)
    let plans =
      CampaignPart.isWhole
      ? Self.every.indices.filter { $0 % stride == stride / 2 }.map { Self.every[$0] }
      : Self.every.filter(Self.isUsual)
    let tried = try await CampaignPart.carryOut(
      plans, listedAs: "wishes-in-runs",
      "when\tfield\tvalue\toperator\toutcome\ttold\tdifferences",
      line: { (wish: OpenRunWish) in wish.line }, { try await OpenRunWish.of($0) })
    #expect(tried.count == plans.count && plans.count >= 3)
    for wish in tried where !wish.differences.isEmpty {
      Issue.record("\(wish.line)\n\(wish.log.suffix(60).joined(separator: "\n"))")
    }
  }
}
