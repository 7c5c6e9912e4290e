import WindlassCore
import WindlassWire

/// What the controller of Deployments does: it makes a ReplicaSet for each template and moves
/// replicas from the old ones to the new one.
///
/// A status that is written early in a turn changes the version of the Deployment, so that a later
/// one of the same turn is refused and the turn is taken again: that is how the real controller
/// comes to its order of writes.
struct DeploymentTurn {
  var deployment: JSONValue
  let view: ClusterView
  let key: ObjectKey
  /// All ReplicaSets of the Deployment, the oldest first.
  let sets: [JSONValue]
  var turn = ControllerTurn()

  init(_ deployment: JSONValue, _ view: ClusterView) {
    self.deployment = deployment
    self.view = view
    key = ObjectKey(
      resource: "deployments.apps", namespace: deployment.namespace, name: deployment.name)
    sets = view.dependents(of: deployment, "replicasets.apps").sorted {
      ($0.created, $0.name) < ($1.created, $1.name)
    }
  }

  mutating func run() -> ControllerTurn {
    guard !deployment.isTerminating else {
      writeStatus(counted(known))
      return turn
    }
    notePause()
    let isPaused = deployment.at("spec", "paused") == .bool(true)
    let before = turn.writes.count
    guard var newest = newestSet(makes: false) else { return turn }
    let hasWrittenSet = turn.writes.dropFirst(before).contains { $0.key != key }
    if isPaused || isScaled(newest.set) {
      // The set that was written keeps what it has now for the rest of the turn.
      if let set = newest.set { scaleAll(set, hasWrittenSet) } else { scaleAll(nil, false) }
      if isPaused { dropHistory(newest.set) }
      writeStatus(counted(newest.set))
      return turn
    }
    // The set is looked for a second time, in a cache that does not have that write yet.
    guard !hasWrittenSet else { return turn }
    if deployment.at("spec", "strategy", "type") == "Recreate" {
      recreate(&newest)
    } else {
      roll(&newest)
    }
    return turn
  }

  // MARK: - Strategies

  private mutating func roll(_ newest: inout NewestSet) {
    guard let found = newestSet(makes: true), let set = found.set else { return }
    newest = found
    let all = old(set) + [set]
    let wanted = numbers.newReplicas(of: set, among: all)
    if set.count("spec", "replicas") != wanted {
      scale(set, to: wanted)
    } else if !moveDown(set, all), numbers.isComplete(deployment["status"] ?? .null) {
      dropHistory(set)
    }
    writeRolloutStatus(set)
  }

  private mutating func recreate(_ newest: inout NewestSet) {
    let active = old(newest.set).filter { $0.count("spec", "replicas") > 0 }
    guard active.isEmpty else {
      for set in active { scale(set, to: 0) }
      return writeRolloutStatus(newest.set)
    }
    guard !arePodsLeft(besides: newest.set) else { return writeRolloutStatus(newest.set) }
    if newest.set == nil {
      guard let made = newestSet(makes: true) else { return }
      newest = made
    }
    if let set = newest.set {
      scale(set, to: numbers.replicas)
      if numbers.isComplete(deployment["status"] ?? .null) { dropHistory(set) }
    }
    writeRolloutStatus(newest.set)
  }

  /// Whether pods of old sets still run, or are ending.
  private func arePodsLeft(besides set: JSONValue?) -> Bool {
    let others = old(set)
    return others.contains { other in
      other.count("status", "replicas") > 0
        || view.dependents(of: other, "pods").contains { !$0.hasEnded }
    }
  }

  /// Takes replicas from old sets; returns whether it did.
  private mutating func moveDown(_ set: JSONValue, _ all: [JSONValue]) -> Bool {
    var olds = old(set).filter { $0.count("spec", "replicas") > 0 }
    let missing = set.count("spec", "replicas") - set.count("status", "availableReplicas")
    let floor = numbers.replicas - numbers.maxUnavailable
    let spare = all.reduce(0) { $0 + $1.count("spec", "replicas") } - floor - missing
    guard !olds.isEmpty, spare > 0 else { return false }
    var cleaned: Int64 = 0
    for index in olds.indices where cleaned < spare {
      let size = olds[index].count("spec", "replicas")
      let available = olds[index].count("status", "availableReplicas")
      guard size != available else { continue }
      let count = min(spare - cleaned, size - available)
      guard count > 0 else { continue }
      cleaned += count
      scale(olds[index], to: size - count)
      olds[index].set(.integer(size - count), at: ["spec", "replicas"])
    }
    let excess =
      (olds + [set]).reduce(0) { $0 + $1.count("status", "availableReplicas") } - floor
    var moved: Int64 = 0
    for set in olds where moved < excess {
      let size = set.count("spec", "replicas")
      let count = min(size, excess - moved)
      guard count > 0 else { continue }
      moved += count
      scale(set, to: size - count)
    }
    return cleaned + moved > 0
  }

  // MARK: - ReplicaSets

  /// The set of the template that is wanted now.
  struct NewestSet {
    var set: JSONValue?
  }

  /// The set whose template is the Deployment's.
  var known: JSONValue? {
    let template = deployment.at("spec", "template")
    return sets.first { set in
      var own = set.at("spec", "template")
      own?.set(nil, at: ["metadata", "labels", PodTemplate.hashLabel])
      return own == template
    }
  }

  /// All sets but one.
  func old(_ set: JSONValue?) -> [JSONValue] { sets.filter { $0.uid != set?.uid } }

  /// Finds the set that is wanted, with its annotations as they should be, or makes it; nil when
  /// the turn has to be taken again.
  private mutating func newestSet(makes: Bool) -> NewestSet? {
    let last = old(known).compactMap { $0.annotation(Self.revision).flatMap(Int64.init) }.max()
    let revision = String((last ?? 0) + 1)
    guard let set = known else {
      guard makes else { return NewestSet(set: nil) }
      make(revision)
      return nil
    }
    let annotated = annotated(set, revision)
    if annotated != set {
      turn.writes.append(ControllerWrite(key: setKey(set.name), deed: .update(annotated)))
      return NewestSet(set: annotated)
    }
    var isNews = false
    if let own = set.annotation(Self.revision), deployment.annotation(Self.revision) != own {
      deployment.set(.string(own), at: ["metadata", "annotations", Self.revision])
      isNews = true
    }
    if numbers.deadline != nil, deployment.condition("Progressing") == nil {
      setCondition(
        "Progressing", "True", "FoundNewReplicaSet", "Found new replica set \"\(set.name)\"")
      isNews = true
    }
    if isNews { turn.writes.append(ControllerWrite(key: key, deed: .status(deployment))) }
    return NewestSet(set: set)
  }

  private mutating func make(_ revision: String) {
    let template = deployment.at("spec", "template") ?? .object([])
    let collisions = deployment.at("status", "collisionCount")?.integer
    let hash = PodTemplate.hash(template, collisions)
    if view.object(setKey("\(deployment.name)-\(hash)")) != nil {
      // Another object has that name: the next attempt makes another one.
      deployment.set(.integer((collisions ?? 0) + 1), at: ["status", "collisionCount"])
      turn.writes.append(ControllerWrite(key: key, deed: .status(deployment)))
      return
    }
    var set: JSONValue = ["metadata": ["name": .string("\(deployment.name)-\(hash)")]]
    set.set(
      template.at("metadata", "labels"), at: ["metadata", "labels"])
    set.set(.string(hash), at: ["metadata", "labels", PodTemplate.hashLabel])
    set.set(.array([deployment.ownership("Deployment")]), at: ["metadata", "ownerReferences"])
    set.set(deployment.at("spec", "selector"), at: ["spec", "selector"])
    set.set(.string(hash), at: ["spec", "selector", "matchLabels", PodTemplate.hashLabel])
    set.set(template, at: ["spec", "template"])
    set.set(.string(hash), at: ["spec", "template", "metadata", "labels", PodTemplate.hashLabel])
    set.set(deployment.at("spec", "minReadySeconds"), at: ["spec", "minReadySeconds"])
    set.set(0, at: ["spec", "replicas"])
    set.set(.integer(numbers.newReplicas(of: set, among: sets)), at: ["spec", "replicas"])
    turn.writes.append(
      ControllerWrite(key: setKey(set.name), deed: .create(annotated(set, revision))))
    deployment.set(.string(revision), at: ["metadata", "annotations", Self.revision])
    if numbers.deadline != nil {
      setCondition(
        "Progressing", "True", "NewReplicaSetCreated", "Created new replica set \"\(set.name)\"")
    }
    turn.writes.append(ControllerWrite(key: key, deed: .status(deployment)))
  }

  /// A set with the annotations that its Deployment gives it.
  private func annotated(_ set: JSONValue, _ revision: String) -> JSONValue {
    var result = set
    let own = ["kubectl.kubernetes.io/last-applied-configuration", Self.revision, Self.history]
    for member in deployment.at("metadata", "annotations")?.members ?? []
    where !own.contains(member.name) {
      result.set(member.value, at: ["metadata", "annotations", member.name])
    }
    let before = set.annotation(Self.revision)
    if (before.flatMap(Int64.init) ?? 0) < (Int64(revision) ?? 0) {
      result.set(.string(revision), at: ["metadata", "annotations", Self.revision])
      if let before {
        let history = (set.annotation(Self.history).map { [$0] } ?? []) + [before]
        result.set(
          .string(history.joined(separator: ",")), at: ["metadata", "annotations", Self.history])
      }
    }
    if set.at("spec", "minReadySeconds") != deployment.at("spec", "minReadySeconds") {
      result.set(deployment.at("spec", "minReadySeconds"), at: ["spec", "minReadySeconds"])
    }
    // Those of a set that exists are changed when it is scaled.
    if set.annotation(Self.desired) == nil { result = numbers.sized(result) }
    return result
  }

  func setKey(_ name: String) -> ObjectKey {
    ObjectKey(resource: "replicasets.apps", namespace: deployment.namespace, name: name)
  }

  /// Gives a set another number of replicas.
  mutating func scale(_ set: JSONValue, to size: Int64) {
    var scaled = numbers.sized(set)
    scaled.set(.integer(size), at: ["spec", "replicas"])
    guard scaled != set else { return }
    turn.writes.append(ControllerWrite(key: setKey(set.name), deed: .update(scaled)))
  }

  /// Deletes old sets beyond those that are kept for going back.
  private mutating func dropHistory(_ set: JSONValue?) {
    guard let limit = deployment.at("spec", "revisionHistoryLimit")?.integer else { return }
    let olds = old(set).filter { !$0.isTerminating }
    let idle = olds.filter {
      $0.count("status", "replicas") == 0 && $0.count("spec", "replicas") == 0
        && $0.count("status", "observedGeneration") >= $0.count("metadata", "generation")
    }
    let revision = { (set: JSONValue) in set.annotation(Self.revision).flatMap(Int64.init) ?? 0 }
    for set in idle.sorted(by: { revision($0) < revision($1) }).prefix(
      max(0, olds.count - Int(limit)))
    {
      turn.writes.append(ControllerWrite(key: setKey(set.name), deed: .delete(uid: set.uid)))
    }
  }

  static let revision = "deployment.kubernetes.io/revision"
  static let history = "deployment.kubernetes.io/revision-history"
  static let desired = "deployment.kubernetes.io/desired-replicas"
  static let maximum = "deployment.kubernetes.io/max-replicas"
}
