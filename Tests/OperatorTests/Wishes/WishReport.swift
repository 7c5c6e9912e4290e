/// Where a campaign writes down what came of each wish, as soon as it is known.
struct WishReport: Sendable {
  private let list: CampaignList?

  /// Begins a list in the folder that `WINDLASS_REPORT_DIR` names; without one nothing is written.
  init(_ name: String) throws {
    list = try CampaignList(name, "field\tvalue\twanted\toutcome\ttold")
  }

  /// Adds what came of a wish.
  func add(_ row: WishCampaign.Row) throws {
    let words = [
      row.path, row.kind, row.reaction, row.isRight ? "as wanted" : "NOT AS WANTED", row.told,
    ]
    try list?.add(
      words.map { $0.split(whereSeparator: \.isWhitespace).joined(separator: " ").prefix(400) }
        .joined(separator: "\t"))
  }
}

/// Which part of a campaign is gone through.
enum WishSlice {
  /// All values, or one of so many.
  static func chosen<Value>(_ values: [Value], oneOf step: Int) -> [Value] {
    CampaignPart.isWhole
      ? values : values.enumerated().filter { $0.offset % step == 0 }.map(\.element)
  }
}
