package import WindlassCore
import WindlassWire

/// One effect as a Job is told to carry it out: everything that is not in the plan.
///
/// It is an argument of the Job's command, so that whoever reads the Job sees what it does, and one
/// type is written by the daemon and read inside of the Job.
package enum StepOrder: Hashable, Codable, Sendable {
  /// Have these archives on the volume.
  case prepare([ArchiveReference])
  case fence(after: Epoch?, run: RunID)
  case inspect
  case preflight
  case backUp(BackupID, run: RunID, purpose: BackupPurpose)
  case verify(BackupID)
  case checkBackup(BackupID)
  /// Begin a rehearsal on that backup, and go on until a server has to be visited.
  case prove(BackupID)
  /// Go on with a rehearsal after a visit.
  case goOn(BackupID, after: VisitOutcome)
  case visit(VisitQuestion)
  /// Wait until none of these can be reached, each `ADDRESS:PORT`.
  case isolate([String])
  case apply(MigrationOrder)
  case commit(RunID, epoch: Epoch)
  case probe(PodQuestion)
  case prune(keep: Int, protecting: [RunID])
  case checkFence(Epoch)
  /// The service's own migrate command is to bring the schema from one version to another.
  case command(MigrationOrder)

  package var kind: StepKind {
    switch self {
    case .prepare: .prepare
    case .fence: .fence
    case .inspect: .inspect
    case .preflight: .preflight
    case .backUp: .backUp
    case .verify: .verify
    case .checkBackup: .checkBackup
    case .prove, .goOn: .prove
    case .visit: .visit
    case .isolate: .isolate
    case .apply(let order):
      switch order.migration.phase {
      case .expand: .expand
      case .backfill: .backfill
      case .contract: .contract
      }
    case .commit: .commit
    case .probe: .probe
    case .prune: .prune
    case .checkFence: .checkFence
    case .command: .command
    }
  }

  /// The order as text, the same for equal orders.
  package var text: String { StepCoding.text(self) }

  /// What tells the order from others.
  package var digest: Digest { StepDigest.of(text) }

  /// Reads an order; nil for a text that is none.
  package init?(text: String) {
    guard text.utf8.count <= StepBounds.orderSizeMax,
      let order = StepCoding.read(StepOrder.self, Array(text.utf8))
    else { return nil }
    self = order
  }
}

/// What the pods of a wave are asked: their version, and probes.
package struct PodQuestion: Hashable, Codable, Sendable {
  /// One pod.
  package struct Pod: Hashable, Codable, Sendable {
    package var id: InstanceID
    /// Its address in the cluster.
    package var address: String

    package init(id: InstanceID, address: String) {
      self.id = id
      self.address = address
    }
  }

  package var pods: [Pod]
  package var port: Int
  /// Put to each pod, but for those that live instances may not be asked.
  package var probes: [Probe]

  package init(pods: [Pod], port: Int, probes: [Probe]) {
    self.pods = pods
    self.port = port
    self.probes = probes
  }
}
