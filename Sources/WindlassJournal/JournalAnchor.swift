import WindlassCore

/// Where the chain of the records that are kept begins.
struct JournalAnchor: Hashable, Sendable {
  /// The last record that was pruned; zero when none was.
  var sequence: UInt64
  /// That record's hash.
  var hash: ChainHash
  /// The hash over the hashes of the records that were kept from before the anchor.
  var carried: ChainHash

  /// The anchor of a journal from which nothing was pruned.
  static let genesis = JournalAnchor(
    sequence: 0, hash: .genesis, carried: ChainHash.of([ChainHash]()))

  /// The statement that stores it, over the one before.
  var replacement: SQLStatement {
    SQLStatement(
      "INSERT OR REPLACE INTO journal_anchor (id, format, sequence, hash, carried) "
        + "VALUES (1, ?, ?, ?, ?)",
      [
        .integer(JournalSchema.format), .integer(Int64(sequence)), .blob(hash.bytes),
        .blob(carried.bytes),
      ])
  }

  /// What a row of the anchor's table says.
  enum Reading: Hashable {
    case anchor(JournalAnchor)
    /// A later build wrote the journal, in this format.
    case newer(Int64)
    case unreadable
  }

  /// Reads the only row, of the columns format, sequence, hash and carried.
  static func reading(_ row: SQLRow) -> Reading {
    guard row.values.count == 4, case .integer(let format) = row.values[0], format > 0 else {
      return .unreadable
    }
    guard format <= JournalSchema.format else { return .newer(format) }
    guard case .integer(let sequence) = row.values[1], sequence >= 0,
      case .blob(let hashBytes) = row.values[2], let hash = ChainHash(hashBytes),
      case .blob(let carriedBytes) = row.values[3], let carried = ChainHash(carriedBytes)
    else { return .unreadable }
    return .anchor(JournalAnchor(sequence: UInt64(sequence), hash: hash, carried: carried))
  }
}
