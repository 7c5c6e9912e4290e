package import WindlassCore
import WindlassWire

/// Judges a workload as it was read; pure.
struct WorkloadPreflight: Sendable {
  let place: WorkloadPlace
  let live: KubernetesObject
  let rules: DrainRules
  /// Who holds the workload now.
  var hold: WorkloadHold?
  /// Our manager.
  var manager = "windlass"
  /// Whether fields of others may be taken over that are on record as adopted.
  var adopts = false
  /// Whether somebody else owns the roll, so that nothing is written to the workload.
  var isGated = false
  var budgets: [KubernetesObject] = []
  var autoscalers: [KubernetesObject] = []

  /// All that was found, what blocks first.
  var findings: [WorkloadFinding] {
    let all =
      isGated
      ? containers + draining
      : [containers, numbers, hands, images, draining, neighbours].flatMap { $0 }
    return all.filter { $0.weight == .blocks } + all.filter { $0.weight == .warns }
  }

  private var template: JSONValue { live.body["spec"]?["template"] ?? .object([]) }

  private var listed: [JSONValue] { template.value(behind: ["spec", "containers"])?.array ?? [] }

  private var own: JSONValue? { listed.first { $0["name"]?.string == place.container } }

  private var containers: [WorkloadFinding] {
    guard own == nil else { return [] }
    let names = listed.compactMap { $0["name"]?.string }.joined(separator: ", ")
    if place.container.isEmpty {
      return [
        WorkloadFinding(
          .containerUnnamed, .blocks,
          "The pods of \(place) have the containers \(names), and none is named as the service. "
            + "Set container in spec.fleet to the one that runs it.")
      ]
    }
    return [
      WorkloadFinding(
        .containerMissing, .blocks,
        "The pods of \(place) have no container \(place.container), only \(names). Set container "
          + "in spec.fleet to the one that runs the service.")
    ]
  }

  private var numbers: [WorkloadFinding] {
    let desired = place.form.desired(live)
    if desired == 0 {
      return [
        WorkloadFinding(
          .nothingRuns, .blocks,
          "No pods of \(place) are wanted, so that none can show that a release works. Scale it to "
            + "at least 1.")
      ]
    }
    var found: [WorkloadFinding] = []
    if desired == 1, place.kind != .deployment {
      found.append(
        WorkloadFinding(
          .onlyOneReplica, .blocks,
          "\(place) has one pod, which goes before the next one comes: nobody would serve. Use 2 "
            + "or more, or set policy.onUnsafe: recreate and accept the downtime."))
    } else if desired == 1 {
      found.append(
        WorkloadFinding(
          .onlyOneReplica, .warns,
          "\(place) has one pod: whatever befalls it meanwhile is an outage. Use 2 or more."))
    }
    if place.kind == .daemonSet {
      found.append(
        WorkloadFinding(
          .unboundedByController, .warns,
          "A pod of \(place) that dies amid a roll, and one on a new node, is of the new release "
            + "at once: a DaemonSet has no field that bounds it."))
    }
    return found
  }

  private var hands: [WorkloadFinding] {
    var found: [WorkloadFinding] = []
    if case .foreign(let who)? = hold {
      found.append(
        WorkloadFinding(
          .pausedByOther, .blocks,
          "\(who) holds \(place). Let them end it, such as with kubectl rollout resume for a "
            + "Deployment; Windlass never does."))
    }
    let owners = FieldOwners(live)
    let owned = place.fields.map { ($0, owners.managers(of: $0, besides: manager)) }
      .filter { !$0.1.isEmpty }
    if !owned.isEmpty {
      found.append(
        WorkloadFinding(
          .fieldsOwned, adopts ? .warns : .blocks, OwnershipAdvice(place, owned).text))
    }
    return found
  }

  private var images: [WorkloadFinding] {
    guard let image = own?["image"]?.string, Digest(ofImage: image) == nil else { return [] }
    return [
      WorkloadFinding(
        .imageWithoutDigest, .warns,
        "\(place) runs \(APIError.printable(image)), a tag that may move. Pods are told apart by "
          + "what their nodes report until the first upgrade writes an image by its digest; name "
          + "the digest to be sure now.")
    ]
  }

  private var draining: [WorkloadFinding] {
    guard let own else { return [] }
    var found: [WorkloadFinding] = []
    if own["readinessProbe"] == nil {
      found.append(
        WorkloadFinding(
          .noReadinessProbe, .blocks,
          "Container \(place.container) of \(place) has no readinessProbe: each pod counts as "
            + "ready as soon as it runs. Add one that asks the service."))
    }
    let delay = preStopSeconds
    let wanted = (rules.endpointDelay.milliseconds + 999) / 1_000
    if delay < wanted {
      found.append(
        WorkloadFinding(
          .noEndpointDelay, .blocks,
          "Pods of \(place) are told to stop \(delay) s after they begin to go, and requests still "
            + "come for up to \(wanted) s. Set lifecycle.preStop.sleep.seconds: \(wanted) in "
            + "container \(place.container)."))
    }
    let grace = template.value(behind: ["spec", "terminationGracePeriodSeconds"])?.integer ?? 30
    let needed = max(delay, wanted) + (rules.drain.milliseconds + 999) / 1_000
    if grace < needed {
      found.append(
        WorkloadFinding(
          .graceTooShort, .blocks,
          "Pods of \(place) are killed \(grace) s after they begin to go; the delay before SIGTERM "
            + "and the drain after it take \(needed) s. Set terminationGracePeriodSeconds: "
            + "\(needed)."))
    }
    return found
  }

  /// How long a pod goes on before it is told to stop.
  private var preStopSeconds: Int64 {
    let hook = own?["lifecycle"]?["preStop"]
    if let seconds = hook?["sleep"]?["seconds"]?.integer { return seconds }
    var words = (hook?["exec"]?["command"]?.array ?? []).compactMap(\.string)
    // A shell that does nothing but sleep.
    if words.count == 3, words[1] == "-c" {
      words = words[2].split(separator: " ").map(String.init)
    }
    guard words.count == 2, words[0].split(separator: "/").last == "sleep" else { return 0 }
    return Int64(words[1]) ?? 0
  }

  private var neighbours: [WorkloadFinding] {
    let labels = KubernetesObject(template).labels
    let strict = budgets.filter { budget in
      LabelSelector.selects(budget.body["spec"]?["selector"], labels)
        && budget.body["status"]?["disruptionsAllowed"]?.integer == 0
    }
    let scaling = autoscalers.filter { one in
      let target = one.body["spec"]?["scaleTargetRef"]
      return target?["kind"]?.string == place.kind.type.kind
        && target?["name"]?.string == place.name
    }
    return strict.map { budget in
      WorkloadFinding(
        .budgetAllowsNone, .warns,
        "PodDisruptionBudget \(budget.name) lets no pod of \(place) be missing now. Its controller "
          + "replaces pods all the same; a node that has to be drained meanwhile is not. Allow at "
          + "least one, or wait until all are healthy.")
    }
      + scaling.map { one in
        WorkloadFinding(
          .autoscaled, .warns,
          "HorizontalPodAutoscaler \(one.name) scales \(place). What it adds amid a roll may be of "
            + "either release and beyond a wave's bound; it is reported.")
      }
  }
}

extension ClusterWorkload {
  /// What stands in the way of a roll, or should be known before it; what blocks comes first.
  ///
  /// - Parameter isGated: Whether somebody else owns the roll.
  package func preflight(
    _ rules: DrainRules = DrainRules(), isGated: Bool = false
  ) async throws(StepFailure) -> [WorkloadFinding] {
    let live = try await workload()
    if isGated {
      return WorkloadPreflight(place: place, live: live, rules: rules, isGated: true).findings
    }
    let budgets = try await neighbours(.disruptionBudgets)
    let autoscalers = try await neighbours(.autoscalers)
    let findings = WorkloadPreflight(
      place: place, live: live, rules: rules, hold: try hold(on: live),
      manager: client.fieldManager, adopts: adopts, budgets: budgets.objects,
      autoscalers: autoscalers.objects
    ).findings
    return findings + [budgets.unread, autoscalers.unread].compactMap { $0 }
  }

  private func neighbours(
    _ type: ResourceType
  ) async throws(StepFailure) -> (objects: [KubernetesObject], unread: WorkloadFinding?) {
    do throws(APIError) {
      return (try await client.list(Selection(type, in: place.namespace)).objects, nil)
    } catch {
      guard error.code == .forbidden || error.code == .unknownResource else {
        throw StepFailure(error)
      }
      return (
        [],
        WorkloadFinding(
          .unread, .warns,
          "\(error) Nothing is known of the \(type.display) that \(place) may have.")
      )
    }
  }
}
