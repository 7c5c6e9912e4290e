import CurlTransport
import Glibc
import KubernetesFleet
import ProcessFleet
import WindlassCore
import WindlassSchema

/// What a step has to work with: directories, archives, and the drivers of its database.
struct StepRoom: Sendable {
  let wish: ManagedServiceSpec
  let epoch: Epoch?
  /// Where things of the service are that outlive the step, or the step's own directory.
  let folder: String
  let transport: CurlTransport
  let artifacts: ArtifactDirectory
  let clock = SystemClock(floor: nil)
  /// Nil for steps that need no database.
  let drivers: ServiceDrivers?
  /// The database itself, where there are drivers.
  let target: DatabaseTarget?
  /// The URL of the server for copies, for the steps that get it.
  let scratch: Secret?

  /// Finds everything; neither the database nor a file is touched yet, but for directories.
  init(
    _ document: StepDocument, order: StepOrder, epoch: Epoch?, volume: String?, work: String
  ) throws {
    do throws(ObjectError) {
      wish = try document.wish()
    } catch {
      throw CommandFailure(
        .usage, "BadConfiguration", "The service's document can't be used: \(error)")
    }
    self.epoch = epoch
    let kind = order.kind
    if kind.mountsClaim, volume == nil, wish.backup.volumeClaim != nil {
      throw CommandFailure(
        .usage, "BadArgument",
        "A step \(kind.rawValue) needs the volume of backups: name it with --volume.")
    }
    folder = try StepRoom.folder(volume ?? work, of: document.service)
    let transport = try CurlTransport()
    self.transport = transport
    let artifacts = ArtifactDirectory(path: folder + "/artifacts", transport: transport)
    self.artifacts = artifacts
    guard kind.role != nil else {
      (drivers, target, scratch) = (nil, nil, nil)
      return
    }
    let target = try StepRoom.target(wish, kind)
    let scratch = try StepRoom.scratch(wish, kind, target)
    // A directory of the volume, where the document names one.
    let backups = wish.backup.directory.map { (volume ?? "") + $0 } ?? folder + "/backups"
    drivers = try ServiceDrivers(
      RoleTargets(target), backups: backups, folder: folder, scratch: scratch,
      locate: { archive throws(StepFailure) in artifacts.directory(of: archive) },
      now: clock.now)
    (self.target, self.scratch) = (target, scratch)
  }

  private static func target(
    _ wish: ManagedServiceSpec, _ kind: StepKind
  ) throws -> DatabaseTarget {
    guard wish.database.ledger == .golangMigrate else {
      throw CommandFailure(
        .usage, "LedgerReadOnly",
        "The ledger of \(wish.database.ledger.rawValue) is only read, by `windlass gate`: steps"
          + " work on golang-migrate's.")
    }
    let url = try DatabaseSource.environment(StepVariables.database).resolve()
    return try DatabaseTarget(url, ledgerTable: nil).within(
      lockBudget: wish.database.lockBudget, holdBudget: wish.database.holdBudget,
      backfillShare: Int(wish.database.backfillShare)
    ).watching(replicas(wish, kind), from: "spec.database.replicas")
  }

  private static func replicas(
    _ wish: ManagedServiceSpec, _ kind: StepKind
  ) throws -> [Secret] {
    guard kind.asksReplicas else { return [] }
    return try (wish.database.replicas ?? []).indices.map { index in
      try DatabaseSource.environment(StepVariables.replica(index)).resolve()
    }
  }

  private static func scratch(
    _ wish: ManagedServiceSpec, _ kind: StepKind, _ target: DatabaseTarget
  ) throws -> Secret? {
    guard kind.usesScratch, wish.proof.scratchURLFrom != nil else { return nil }
    if let reason = target.whyNoScratchServer {
      throw CommandFailure(
        .usage, "BadConfiguration",
        "proof.scratchURLFrom names a scratch server for a database \(reason). Leave it out; it"
          + " is for PostgreSQL.")
    }
    return try DatabaseSource.environment(StepVariables.scratch).resolve()
  }

  /// The service's own folder, for this user alone.
  private static func folder(
    _ parent: String, of service: ServiceName
  ) throws(CommandFailure) -> String {
    let path = "\(parent)/\(service)"
    let isPlain = TextRules.isWord(service.text) && !service.text.hasPrefix(".")
    guard isPlain, mkdir(path, 0o700) == 0 || errno == EEXIST else {
      throw CommandFailure(
        .failed, "VolumeUnwritable",
        "The directory \(path) can't be made (\(String(cString: strerror(errno)))). Let the claim"
          + " be writable for the user and group that steps run as.")
    }
    return path
  }
}
