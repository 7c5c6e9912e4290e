/// How far a backfill has come.
public struct BackfillProgress: Hashable, Codable, Sendable {
  public var migration: SchemaVersion
  /// The table that is walked, as the file names it.
  public var table: String
  /// The column by which it is walked.
  public var key: String
  /// Rows met in this walk.
  public var rowsWalked: Int64
  /// Rows changed by all walks.
  public var rowsChanged: Int64
  /// Rows that the table was taken to have when the walk began; nil where nobody knows.
  public var rowsEstimated: Int64?
  /// Which walk over the table this is, from 1.
  public var walk: Int
  /// What it waits for; nil while it works.
  public var heldUpBy: String?

  public init(
    migration: SchemaVersion, table: String, key: String, rowsWalked: Int64 = 0,
    rowsChanged: Int64 = 0, rowsEstimated: Int64? = nil, walk: Int = 1, heldUpBy: String? = nil
  ) {
    self.migration = migration
    self.table = table
    self.key = key
    self.rowsWalked = rowsWalked
    self.rowsChanged = rowsChanged
    self.rowsEstimated = rowsEstimated
    self.walk = walk
    self.heldUpBy = heldUpBy
  }

  /// The part of the walk that is done, below 100 because what is done altogether is no backfill
  /// under way; nil without an estimate.
  public var percent: Int? {
    guard let rowsEstimated, rowsEstimated > 0 else { return nil }
    let (hundredfold, isTooMuch) = rowsWalked.multipliedReportingOverflow(by: 100)
    return isTooMuch ? 99 : Int(min(99, max(0, hundredfold / rowsEstimated)))
  }
}

/// Told after each batch of a backfill and while it rests how far it has come; whether it goes on.
public typealias BackfillWatch = @Sendable (BackfillProgress) -> Bool
