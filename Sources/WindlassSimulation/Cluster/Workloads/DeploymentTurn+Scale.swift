import WindlassWire

/// How replicas are shared out when a Deployment is scaled, or scaled while it is paused.
extension DeploymentTurn {
  /// Whether a set was sized for another number of replicas than is wanted now.
  func isScaled(_ newest: JSONValue?) -> Bool {
    sets.contains { set in
      guard set.count("spec", "replicas") > 0, let desired = set.annotation(Self.desired) else {
        return false
      }
      return Int64(desired) != numbers.replicas
    }
  }

  /// Scales the sets in proportion to their sizes. `newest` has its annotations as they were
  /// written in this turn when `isWritten` is set.
  mutating func scaleAll(_ newest: JSONValue?, _ isWritten: Bool) {
    let olds = old(newest)
    let all = olds + (newest.map { [$0] } ?? [])
    let active = all.filter { $0.count("spec", "replicas") > 0 }
    if active.count < 2 {
      guard let set = active.first ?? newest ?? olds.last else { return }
      // A set that was written in this turn can't be written again by the version that was seen.
      if set.count("spec", "replicas") != numbers.replicas, !(isWritten && set == newest) {
        scale(set, to: numbers.replicas)
      }
      return
    }
    if let newest, numbers.isSaturated(newest) {
      for set in olds where set.count("spec", "replicas") > 0 { scale(set, to: 0) }
      return
    }
    guard deployment.at("spec", "strategy", "type") != "Recreate" else { return }
    share(active)
  }

  private mutating func share(_ active: [JSONValue]) {
    let size = { (set: JSONValue) in set.count("spec", "replicas") }
    let allowed = numbers.replicas > 0 ? numbers.replicas + numbers.maxSurge : 0
    let toAdd = allowed - active.reduce(0) { $0 + size($1) }
    let sorted = active.sorted { left, right in
      if size(left) != size(right) { return size(left) > size(right) }
      return toAdd > 0 ? left.created > right.created : left.created < right.created
    }
    var added: Int64 = 0
    var sizes = sorted.map(size)
    for (index, set) in sorted.enumerated() where toAdd != 0 && toAdd != added {
      let fraction = fraction(of: set)
      let part = toAdd > 0 ? min(fraction, toAdd - added) : max(fraction, toAdd - added)
      sizes[index] += part
      added += part
    }
    if let first = sizes.first { sizes[0] = max(0, first + toAdd - added) }
    for (set, size) in zip(sorted, sizes) { scale(set, to: size) }
  }

  /// By how many replicas a set grows when the whole grows.
  private func fraction(of set: JSONValue) -> Int64 {
    let size = set.count("spec", "replicas")
    guard numbers.replicas > 0 else { return -size }
    let before =
      set.annotation(Self.maximum).flatMap(Int64.init) ?? deployment.count("status", "replicas")
    guard before > 0 else { return 0 }
    let grown = Double(size * (numbers.replicas + numbers.maxSurge)) / Double(before)
    return Int64(grown.rounded()) - size
  }
}

extension DeploymentNumbers {
  /// Whether a set alone is all that is wanted.
  func isSaturated(_ set: JSONValue) -> Bool {
    set.count("spec", "replicas") == replicas
      && set.annotation(DeploymentTurn.desired).flatMap(Int64.init) == replicas
      && set.count("status", "availableReplicas") == replicas
  }
}
