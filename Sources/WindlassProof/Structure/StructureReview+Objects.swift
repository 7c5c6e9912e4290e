import WindlassSchema

extension StructureReview {
  /// Findings about views, triggers, checks and whatever else stands for itself.
  static func objectFindings(
    from before: [CatalogueObject], to after: [CatalogueObject]
  ) -> [StructureFinding] {
    let gone = before.filter { old in !after.contains { $0.isSameObject(as: old) } }
    let added = after.filter { new in !before.contains { $0.isSameObject(as: new) } }
    let changed = after.filter { new in
      before.contains { $0.isSameObject(as: new) && $0.definition != new.definition }
    }
    return gone.map(finding(gone:)) + added.compactMap(finding(added:))
      + changed.map(finding(changed:))
  }

  private static func finding(gone object: CatalogueObject) -> StructureFinding {
    switch object.kind {
    case "view", "materialized view":
      StructureFinding(.dropTable, object.title, "is dropped", .readsFail, .writesFail)
    case "check", "constraint":
      StructureFinding(.loosen, object.title, "is dropped", .meaningChanged)
    default:
      StructureFinding(
        .changeCode, object.title, "is dropped; what it did for the running servers ends",
        .writesIncomplete)
    }
  }

  private static func finding(added object: CatalogueObject) -> StructureFinding? {
    switch object.kind {
    case "view", "materialized view": nil
    case "check", "constraint":
      StructureFinding(
        .narrow, object.title, "is new; what running servers write may violate it", .writesFail)
    default:
      StructureFinding(
        .changeCode, object.title, "is new", .writesIncomplete, .meaningChanged)
    }
  }

  private static func finding(changed object: CatalogueObject) -> StructureFinding {
    switch object.kind {
    case "check", "constraint":
      StructureFinding(
        .narrow, object.title, "is changed; what running servers write may violate it",
        .writesFail)
    default:
      StructureFinding(.changeCode, object.title, "is changed", .meaningChanged)
    }
  }
}

extension CatalogueObject {
  /// The object as evidence names it.
  fileprivate var title: String { "\(kind) \(name)" }

  fileprivate func isSameObject(as other: CatalogueObject) -> Bool {
    kind == other.kind && name == other.name
  }
}
