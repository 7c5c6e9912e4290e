import Testing
import WindlassCore

/// What became of damaged backups.
package struct DamageTally: Sendable, CustomStringConvertible {
  package var damaged = 0
  package var refused = 0
  /// What was accepted, because it restored to exactly what the database held.
  package var identical: [String] = []
  /// Times that the undamaged file was accepted in between.
  package var sound = 0

  package var description: String {
    ([
      "\(damaged) damaged: \(refused) refused, \(identical.count) accepted because they restore"
        + " identically; \(sound) of \(sound) sound ones accepted"
    ] + identical.map { "  accepted: \($0)" }).joined(separator: "\n")
  }

  /// After so many damaged files the sound one is tried.
  private static let soundEvery = 20

  /// Damages the backup by those numbers of the series, one after the other, and records an issue
  /// for each that is accepted without restoring identically, or told as anything but damaged.
  package static func judging(
    _ backup: any DamagedBackup, _ series: DamageSeries, _ numbers: Range<Int>
  ) async throws -> DamageTally {
    var tally = DamageTally()
    for number in numbers {
      let damage = series.damage(number, of: backup)
      try backup.put(damage.bytes, isRecorded: damage.isRecorded)
      tally.damaged += 1
      if try await isRefused(backup, damage) {
        tally.refused += 1
      } else {
        tally.identical.append(damage.description)
      }
      if number % soundEvery == 0 {
        try backup.put(backup.sound, isRecorded: false)
        #expect(try await backup.store.verify(backup.id).isVerified, "seed \(series.seed)")
        tally.sound += 1
      }
    }
    return tally
  }

  private static func isRefused(
    _ backup: any DamagedBackup, _ damage: Damage
  ) async throws -> Bool {
    let store = backup.store
    let verified = try await failure { _ = try await store.verify(backup.id) }
    if let verified {
      #expect(verified.code == "BackupDamaged", "\(damage): \(verified)")
      #expect(verified.disposition == .stop, "\(damage)")
    }
    guard damage.isRecorded else {
      let read = try await failure { _ = try await store.receipt(of: backup.id) }
      #expect(read?.code == "BackupDamaged", "\(damage)")
      #expect(verified != nil, "\(damage)")
      return true
    }
    let receipt = try await store.receipt(of: backup.id)
    #expect(receipt?.isVerified == (verified == nil), "\(damage)")
    guard verified == nil else { return true }
    let difference = try await backup.differenceWhenRestored()
    #expect(difference == nil, "\(damage): accepted, and \(difference ?? "")")
    return false
  }
}
