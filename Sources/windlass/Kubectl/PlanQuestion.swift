import ArgumentParser
import KubernetesFleet
import WindlassCore
import WindlassWire

extension KubectlPlugin {
  /// `kubectl windlass plan`: what the open run does.
  struct Plan: KubectlCommand {
    static let configuration = CommandConfiguration(
      commandName: "plan",
      abstract: "Shows what the open run does and has done, as its plan was pinned.",
      discussion: """
        The operator makes a plan when it opens a run, and stores it with the run. What it would \
        open next is stored nowhere: with no run open this says what holds runs back, if anything \
        does. To look at plans before they are carried out, set spec.policy.approval: always.

        Exits 0 when nothing is to be done, 5 when something is, 1 or 6 when it stands still, 4 \
        when that is not known.

        Example: kubectl windlass plan beacon --namespace shop
        """)

    @Argument(help: "The ManagedService.")
    var service: String

    @OptionGroup var place: ClusterOptions
    @OptionGroup var format: FormatOptions

    func perform(_ output: Output, on cluster: ReachedCluster) async throws -> ExitStatus {
      let answer = PlanAnswer(try await cluster.service(service))
      output.object(answer.body)
      output.line(Span(answer.message))
      PlanView.show(answer.body, output)
      for sentence in answer.evidence { output.line("    ", .faint(sentence)) }
      return answer.status
    }
  }

  /// `kubectl windlass history`: what was.
  struct History: KubectlCommand {
    static let configuration = CommandConfiguration(
      commandName: "history",
      abstract: "Shows the runs of a service that ended, newest first.",
      discussion: """
        Example: kubectl windlass history beacon --limit 5

        Example: kubectl windlass history beacon --run beacon-r7
        """)

    @Argument(help: "The ManagedService.")
    var service: String

    @Option(name: .long, help: ArgumentHelp("Show at most so many runs.", valueName: "number"))
    var limit = 20

    @Option(
      name: .long, help: ArgumentHelp("Show one run with all its evidence.", valueName: "name"))
    var run: String?

    @OptionGroup var place: ClusterOptions
    @OptionGroup var format: FormatOptions

    func validate() throws {
      guard (1...1_000).contains(limit) else {
        throw ValidationError("--limit is \(limit). Allowed: a whole number from 1 to 1000.")
      }
    }

    func perform(_ output: Output, on cluster: ReachedCluster) async throws -> ExitStatus {
      let outlook = try await cluster.service(service)
      let runs = outlook.endedRuns.filter { run == nil || $0["id"]?.string == run }
      if let run, runs.isEmpty {
        throw CommandFailure(
          .failed, "RunUnknown",
          "No run \(run) of \(outlook.key) has ended, or it was forgotten since. "
            + "\(outlook.words("history")) shows those that did, and \(outlook.words("status")) "
            + "the one that is open.")
      }
      let body: JSONValue = ["runs": .array(Array(runs.prefix(limit)))]
      output.object(body)
      HistoryView.show(body, output)
      return .done
    }
  }
}

/// What `kubectl windlass plan` says.
struct PlanAnswer {
  var status: ExitStatus
  var message: String
  var body: JSONValue
  /// What the proof of the release rests on, a sentence each.
  var evidence: [String] = []

  init(_ outlook: ServiceOutlook) {
    if let plan = outlook.plan {
      self.init(plan, outlook)
    } else if let trouble = outlook.sighting.trouble {
      self.init(.unknown, "unknown", "The plan of \(outlook.key) can't be told: \(trouble.message)")
    } else if !outlook.isObserved {
      self.init(
        .unknown, "unknown",
        "No operator has looked at \(outlook.key) yet, so that nothing is planned. See that "
          + "windlass operator runs and follows the namespace \(outlook.namespace).")
    } else if let block = outlook.block {
      self.init(
        block.code == "DirtyLedger" || block.code == "Dirty" ? .dirty : .failed, "blocked",
        "No run of \(outlook.key) starts. \(block)")
    } else {
      self.init(rest: outlook)
    }
  }

  private init(_ status: ExitStatus, _ action: String, _ message: String) {
    self.status = status
    self.message = message
    body = ["action": .string(action), "message": .string(message)]
  }

  /// With no run open and nothing in the way.
  private init(rest outlook: ServiceOutlook) {
    let deployed = outlook.status.deployedVersion ?? outlook.record.deployed.map { "\($0.version)" }
    let runs = deployed.map { ", and \($0) is deployed" } ?? ""
    if outlook.isPaused {
      self.init(
        .done, "none",
        "Nothing is to be done: no run of \(outlook.key) is open\(runs), and it is paused, so that "
          + "none starts before \(outlook.words("resume"))")
    } else {
      self.init(
        .done, "none",
        "Nothing is to be done: no run of \(outlook.key) is open\(runs). The operator opens one by "
          + "itself when the manifest has a release that may be taken.")
    }
    body = [
      "action": "none", "message": .string(message),
      "deployedVersion": deployed.map { .string($0) } ?? .null,
    ]
  }

  /// With a run open.
  private init(_ plan: Plan, _ outlook: ServiceOutlook) {
    let run = outlook.run
    status = .pending
    message = "\(outlook.runSentence ?? plan.run.text): " + PlanBody.sentence(plan)
    let wait = outlook.wait
    let shown = PlanBody.body(
      plan, action: "running", reason: wait.map { "waits for \($0.text)" })
    // Whose controller keeps the instances says how many there are.
    let members = (shown.object ?? []).map { member in
      member.name == "replicas" && plan.workload != nil
        ? JSONMember("replicas", run?.orderedOf.map { .integer(Int64($0)) } ?? .null) : member
    }
    body = .object(
      members + [
        JSONMember("phase", outlook.phase.map { .string($0.rawValue) } ?? .null),
        JSONMember("applied", .array((run?.applied ?? []).map { .string("\($0)") })),
        JSONMember("verdict", run?.verdict.map { .string($0.judgement.rawValue) } ?? .null),
        JSONMember("evidence", .array((run?.verdict?.evidence ?? []).map { .string($0) })),
        JSONMember("committed", .bool(run?.isCommitted ?? false)),
        JSONMember("approvedBy", outlook.approvedBy.map { .string($0) } ?? .null),
      ])
    if let verdict = run?.verdict {
      evidence = ["verdict of the proof: \(verdict.judgement.rawValue)"] + verdict.evidence
    }
  }
}

extension ServiceOutlook {
  /// The runs that ended, newest first, with what the journal tells of them and what their objects
  /// do.
  var endedRuns: [JSONValue] {
    let remembered = record.pastRuns.reversed().map(StatusBody.run)
    let names = Set(remembered.compactMap { $0["id"]?.string })
    let objects = sighting.runs.filter { run in
      !names.contains(run.name) && run.body.value(at: "/status/outcome")?.string != nil
    }
    let older = objects.sorted { age($0) > age($1) }.map { run -> JSONValue in
      let from = run.body.value(at: "/spec/from")?.string ?? ""
      return [
        "id": .string(run.name), "from": from.isEmpty ? .null : .string(from),
        "to": run.body.value(at: "/spec/to") ?? .null,
        "ending": run.body.value(at: "/status/outcome") ?? .null, "code": .null, "reason": .null,
        "verdict": .null, "evidence": [], "endedAt": .null,
      ]
    }
    return remembered + older
  }

  private func age(_ run: KubernetesObject) -> (String, String) {
    (run.metadata["creationTimestamp"]?.string ?? "", run.name)
  }
}
