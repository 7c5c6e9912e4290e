/// A workload as Windlass left it: what tells whether somebody else had a hand on it since.
public struct WorkloadMemory: Hashable, Codable, Sendable {
  /// The last order of ours that it names.
  public var mark: EffectID?
  /// What its template was like with it.
  public var revision: String

  init(_ template: WorkloadTemplate) {
    mark = template.mark?.id
    revision = template.revision
  }
}

extension WorkloadTemplate {
  /// Whether it is as its last order left it, by its own telling.
  var isAsOrdered: Bool {
    guard let mark, editor == nil else { return false }
    return mark.build == build
  }
}
