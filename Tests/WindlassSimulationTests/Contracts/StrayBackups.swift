import WindlassCore
import WindlassSimulation

/// A store that keeps its contract but for one thing.
actor StrayBackups: BackupStore {
  enum Way: WayToStray {
    case believesAtOnce, forgetsProofs, takesAnew, inventsReceipts, prunesEverything
    case looksAtNoFile, believesAnything, givesUpForGood

    var breaks: [String] {
      switch self {
      case .believesAtOnce: ["a backup tells what it is of"]
      case .forgetsProofs: ["a sound backup is verified"]
      case .takesAnew: ["a backup that is complete"]
      case .inventsReceipts: ["there is nothing to say"]
      case .prunesEverything: ["the oldest backups go"]
      case .looksAtNoFile: ["a backup damaged after its digest"]
      case .believesAnything: ["a backup that was wrong"]
      case .givesUpForGood: ["a damaged backup does no harm"]
      }
    }
  }

  private let service: SimulatedService
  private let way: Way
  private var known: [BackupID: BackupReceipt] = [:]

  init(_ service: SimulatedService, _ way: Way) {
    self.service = service
    self.way = way
  }

  func backUp(
    _ id: BackupID, run: RunID, purpose: BackupPurpose
  ) async throws(StepFailure) -> BackupReceipt {
    var receipt = try await service.backUp(id, run: run, purpose: purpose)
    if way == .believesAtOnce { receipt.isVerified = true }
    if way == .takesAnew, known[id] != nil { receipt.digest = "another" }
    known[id] = receipt
    return receipt
  }

  func verify(_ id: BackupID) async throws(StepFailure) -> BackupReceipt {
    if way == .givesUpForGood {
      throw StepFailure(code: "BackupDamaged", disposition: .stop, message: "no")
    }
    if way == .believesAnything || way == .forgetsProofs, var receipt = known[id] {
      receipt.isVerified = true
      return receipt
    }
    return try await service.verify(id)
  }

  func receipt(of id: BackupID) async throws(StepFailure) -> BackupReceipt? {
    switch way {
    case .looksAtNoFile: return known[id]
    case .inventsReceipts:
      return BackupReceipt(
        id: id, run: "run", purpose: .byHand, digest: "", systemID: "", schema: nil,
        isVerified: false)
    default: return try await service.receipt(of: id)
    }
  }

  func prune(keep: Int, protecting protected: Set<RunID>) async throws(StepFailure) {
    let isAll = way == .prunesEverything
    try await service.prune(keep: isAll ? 0 : keep, protecting: isAll ? [] : protected)
  }
}
