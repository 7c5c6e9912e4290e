import KubernetesFleet
import WindlassCore
import WindlassEngine
import WindlassStatus
import WindlassWire

/// Tells whoever owns a roll whether an instance may be started now, or has to be taken back.
///
/// It decides nothing: that is `ServiceState.admission(of:at:)`. Where this process does not lead,
/// or does not know, the gate is closed.
struct GateDesk: Sendable {
  private static let messageLengthMax = 1_000

  let roster: ServiceRoster
  let clock: any RunClock

  /// Answers a question by what is known at this moment.
  func answer(_ question: GateQuestion) async -> GateAnswer {
    let key = ObjectKey(namespace: question.namespace, name: question.service)
    guard roster.leads else { return notLeading(key) }
    guard let drives = roster.drives else {
      return reply(503, key, closed("NotKnown", "the services were not listed yet"))
    }
    guard let drive = drives.first(where: { $0.key == key }) else {
      let message =
        "there is no ManagedService \(key) of this operator's shard: see its name, and ask the "
        + "operators of the shard that its label \(ServiceShard.label) names"
      return reply(404, key, closed("NoSuchService", message))
    }
    let (version, admission) = await admission(by: drive, question.subject)
    // Whoever leads by now may know better.
    guard roster.leads else { return notLeading(key) }
    return reply(status(of: admission, question.kind), key, admission, of: version)
  }

  private func admission(
    by drive: ServiceDrive, _ subject: GateQuestion.Subject
  ) async -> (Version?, Admission) {
    let unknown = closed("NotKnown", "the service is not driven now")
    guard let driven = drive.driven else { return (nil, unknown) }
    switch subject {
    case .version(let version):
      return (version, driven.operator.snapshot.admission(of: version, at: clock.now()))
    case .template:
      do throws(StepFailure) {
        guard let version = try await driven.templateVersion() else {
          let text = "the workload's template names an image that is no release's, by its digest"
          return (nil, closed("UnknownImage", text))
        }
        return (version, driven.operator.snapshot.admission(of: version, at: clock.now()))
      } catch {
        return (nil, closed("NotKnown", "the workload was not read (\(error.code))"))
      }
    }
  }

  private func closed(_ code: String, _ message: String) -> Admission {
    .closed(Block(code: code, message: message))
  }

  private func status(of admission: Admission, _ kind: GateQuestion.Kind) -> Int {
    switch (kind, admission) {
    case (.start, .open), (.rollback, .recalled): 200
    case (.start, .closed), (.rollback, .open), (.rollback, .closed): 403
    case (.start, .recalled): 409
    }
  }

  private func notLeading(_ key: ObjectKey) -> GateAnswer {
    reply(503, key, closed("NotLeading", "another process leads: ask again"))
  }

  private func reply(
    _ status: Int, _ key: ObjectKey, _ admission: Admission, of version: Version? = nil
  ) -> GateAnswer {
    let life = Bounds.admissionLife.milliseconds / 1_000
    let reason: Block
    var isRecalled = false
    switch admission {
    case .open:
      reason = Block(code: "Open", message: "an instance may be started within \(life) seconds")
    case .closed(let block): reason = block
    case .recalled(let block):
      reason = block
      isRecalled = true
    }
    var members = [
      JSONMember("service", .string("\(key)")), JSONMember("open", .bool(admission == .open)),
      JSONMember("recalled", .bool(isRecalled)), JSONMember("reason", .string(reason.code)),
      JSONMember("message", .string(String(reason.message.prefix(Self.messageLengthMax)))),
    ]
    if let version { members.insert(JSONMember("version", .string("\(version)")), at: 1) }
    if admission == .open { members.append(JSONMember("validSeconds", .integer(life))) }
    return GateAnswer(status: status, body: JSONValue.object(members).text + "\n")
  }
}

extension DrivenService {
  /// The version of the release whose image the workload's template names now; nil when it is none
  /// that is known.
  fileprivate func templateVersion() async throws(StepFailure) -> Version? {
    guard let build = try await workload.templateBuild() else { return nil }
    let state = self.operator.snapshot
    let run = state.record.run?.plan
    let known = [run?.target, run?.source, state.record.deployed].compactMap { $0 }
    return (known + (state.watch.offer?.releases ?? [])).first { $0.imageDigest == build }?.version
  }
}
