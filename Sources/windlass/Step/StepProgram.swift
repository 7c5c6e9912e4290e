import KubernetesFleet
import WindlassCore

/// One step: reads what it is told, does one effect through the drivers, says what became of it.
struct StepProgram: Sendable {
  let kind: StepKind
  let planPath: String
  let planDigest: String
  let orderText: String
  let epoch: Epoch?
  let volume: String?
  let work: String

  /// How a step ended.
  struct End: Sendable {
    var message: StepMessage
    var status: ExitStatus
    /// What is told to people; nil when the step did what it was told.
    var failure: CommandFailure?
  }

  /// Carries the step out; whatever goes wrong becomes part of the message.
  func run() async -> End {
    let noDigest = Digest("")
    var message = StepMessage(kind: kind, plan: noDigest, order: noDigest)
    do {
      let digest = try digest()
      message.plan = digest
      let order = try order()
      message.order = order.digest
      let document = try document(digest)
      let room = try StepRoom(document, order: order, epoch: epoch, volume: volume, work: work)
      try await StepWork(room: room, document: document, order: order).carryOut(&message)
      return End(message: message, status: StepProgram.status(of: message.result))
    } catch {
      let failure = CommandFailure(error)
      message.failure = error as? StepFailure ?? failure.stepFailure
      return End(message: message, status: failure.status, failure: failure)
    }
  }

  // MARK: - What it is told

  private func digest() throws(CommandFailure) -> Digest {
    let digest = Digest(planDigest.hasPrefix("sha256:") ? String(planDigest.dropFirst(7)) : "")
    guard digest.isWellFormed else {
      throw CommandFailure(
        .usage, "BadArgument",
        "--plan-digest is no digest: write sha256: and 64 hexadecimal digits.")
    }
    return digest
  }

  private func order() throws(CommandFailure) -> StepOrder {
    guard let order = StepOrder(text: orderText) else {
      throw CommandFailure(
        .usage, "BadArgument",
        "--order is no order that this version understands. Let the operator and its Jobs run the"
          + " same version.")
    }
    guard order.kind == kind else {
      throw CommandFailure(
        .usage, "BadArgument",
        "The order is for a step \(order.kind.rawValue), and \(kind.rawValue) was asked for.")
    }
    return order
  }

  private func document(_ digest: Digest) throws(CommandFailure) -> StepDocument {
    let bytes: [UInt8]
    do throws(FileFailure) {
      bytes = try TextFile.read(planPath, sizeMax: StepBounds.planSizeMax)
    } catch {
      throw unreadable("can't be read: \(error.reason)")
    }
    do throws(StepDocument.Unreadable) {
      return try StepDocument(bytes, digest: digest)
    } catch {
      throw unreadable("\(error)")
    }
  }

  private func unreadable(_ reason: String) -> CommandFailure {
    CommandFailure(
      .failed, "PlanUnreadable",
      "The plan \(planPath) \(reason). Nothing was done. See who changed the run's ConfigMap, and"
        + " let the operator and its Jobs run the same version.")
  }

  private static func status(of result: StepResult) -> ExitStatus {
    switch result {
    case .verdict(let verdict):
      switch verdict.judgement {
      case .safe: verdict.checks > 0 ? .done : .unknown
      case .unsafe: .unsafe
      case .unknown: .unknown
      }
    case .nothing, .ledger, .fenced, .backup, .advanced, .probed, .waits, .visited: .done
    }
  }
}

extension CommandFailure {
  /// The failure as whoever reads the message takes it: trying again does not help against it.
  fileprivate var stepFailure: StepFailure {
    StepFailure(
      code: code, disposition: status == .failed && code == "Cancelled" ? .retry : .stop,
      message: message)
  }
}
