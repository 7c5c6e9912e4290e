import WindlassCore
import WindlassSchema

/// What tells a primary server from others, in the words in which replicas name theirs.
struct PrimaryIdentity: Hashable, Sendable {
  /// Its `server_id`.
  var id: Int64
  /// Its `server_uuid`; nil on MariaDB, whose replicas know their primary by the number alone.
  var uuid: String?
}

/// What a server says about its own replication.
struct ReplicaStatus: Hashable, Sendable {
  /// One primary that it replicates from; it may have several.
  struct Source: Hashable, Sendable {
    /// Where it reaches that primary.
    var place: String
    /// The primary's `server_id`; nil until it was reached for the first time.
    var id: Int64?
    /// The primary's `server_uuid`; nil on MariaDB, and until it was reached.
    var uuid: String?
    /// How far it is behind, in the server's whole seconds; nil while it does not replicate.
    var behind: Interval?
    /// Why it does not, such as `Slave_SQL_Running is No`; empty where the server does not say.
    var halt: String
  }

  /// Its own `server_id` and, on MySQL, `server_uuid`.
  var own: PrimaryIdentity
  var sources: [Source]
}

extension ReplicaStatus.Source {
  /// Reads a row of `SHOW REPLICA STATUS` or of `SHOW ALL SLAVES STATUS`.
  ///
  /// What the server says of an error may hold values of rows, so that only its number is read.
  init(_ row: SQLRow) {
    let value = { (names: [String]) -> SQLValue in
      names.lazy.map { row[$0] }.first { $0 != .null } ?? .null
    }
    let number = { (names: [String]) -> Int64? in
      let value = value(names)
      return value.integer ?? value.text.flatMap { Int64($0) }
    }
    let host = value(["Source_Host", "Master_Host"]).text ?? "?"
    place = "\(host):\(number(["Source_Port", "Master_Port"]) ?? 0)"
    // Nothing has these before the first connection to the primary.
    id = number(["Source_Server_Id", "Master_Server_Id"]).flatMap { $0 == 0 ? nil : $0 }
    uuid = value(["Source_UUID", "Master_UUID"]).text.flatMap { $0.isEmpty ? nil : $0 }
    behind = number(["Seconds_Behind_Source", "Seconds_Behind_Master"]).map { .seconds($0) }
    var reasons: [String] = []
    for name in [
      "Replica_IO_Running", "Slave_IO_Running", "Replica_SQL_Running", "Slave_SQL_Running",
    ] {
      guard let state = row[name].text, state != "Yes" else { continue }
      let errno = name.contains("_IO_") ? "Last_IO_Errno" : "Last_SQL_Errno"
      let error = number([errno]) ?? 0
      reasons.append("\(name) is \(state)" + (error == 0 ? "" : " behind error \(error)"))
    }
    halt = reasons.joined(separator: ", ")
  }
}

/// How a replica stands to the primary on which a backfill works.
struct ReplicaSight: Hashable, Sendable {
  /// What was seen.
  enum Standing: Hashable, Sendable {
    case behind(Interval)
    /// It does not replicate, so that it falls behind without an end.
    case stopped(String)
    /// It could not be asked, so that nobody knows.
    case silent(String)
  }

  /// The replica for a person, such as `db-2:3306`.
  var name: String
  var standing: Standing

  init(_ name: String, _ standing: Standing) {
    self.name = name
    self.standing = standing
  }

  /// Judges what a server says about itself.
  ///
  /// - Throws: `ReplicaUnfit` for a server that is no replica of that primary: waiting for it would
  ///   say nothing about those that are.
  init(
    _ name: String, _ status: ReplicaStatus, of primary: PrimaryIdentity
  ) throws(StepFailure) {
    if status.own.id == primary.id || status.own.uuid.map({ $0 == primary.uuid }) == true {
      throw .unfitReplica(
        name, "is the primary itself, or has its server_id \(primary.id)")
    }
    guard !status.sources.isEmpty else { throw .unfitReplica(name, "replicates from nobody") }
    let known = status.sources.first { $0.isKnown(as: primary) == true }
    guard let source = known ?? status.sources.first(where: { $0.isKnown(as: primary) == nil })
    else {
      let others = status.sources.map { source in
        source.place + (source.id.map { " (server_id \($0))" } ?? "")
      }
      throw .unfitReplica(
        name,
        "replicates from \(others.joined(separator: ", ")), and not from the primary, whose"
          + " server_id is \(primary.id)")
    }
    self.name = name
    if let behind = source.behind, known != nil {
      standing = .behind(behind)
    } else {
      standing = .stopped(
        source.halt.isEmpty ? "it does not say how far it is behind" : source.halt)
    }
  }

  /// Why a backfill has to wait for the replica, for a person; nil when it need not.
  var reason: String? {
    switch standing {
    case .behind(let lag) where lag > Bounds.backfillLagMax:
      "the replica \(name) is \(lag) behind, \(Bounds.backfillLagMax) are allowed"
    case .behind: nil
    case .stopped(let state): "the replica \(name) has stopped (\(state))"
    case .silent(let failure): "nobody knows how far the replica \(name) is behind: \(failure)"
    }
  }

  /// How much a backfill has to wait for it: most for one that never catches up by itself.
  private var weight: Int64 {
    switch standing {
    case .behind(let lag): lag.milliseconds
    case .silent: .max - 1
    case .stopped: .max
    }
  }

  /// Why a backfill has to wait for any of them, by the worst one; nil when it need not.
  static func reason(_ sights: [ReplicaSight]) -> String? {
    sights.filter { $0.reason != nil }.max { $0.weight < $1.weight }?.reason
  }
}

extension ReplicaStatus.Source {
  /// Whether it is that primary; nil while it does not know whose it is.
  fileprivate func isKnown(as primary: PrimaryIdentity) -> Bool? {
    if let uuid, let known = primary.uuid { return uuid == known }
    return id.map { $0 == primary.id }
  }
}

extension StepFailure {
  /// The failure for a server that was named as a replica and is none of the primary.
  static func unfitReplica(_ name: String, _ reason: String) -> StepFailure {
    StepFailure(
      code: "ReplicaUnfit", disposition: .stop,
      message: "\(name) was named as a replica for backfills to wait for, and it \(reason). Name"
        + " servers that replicate from the primary directly, or leave it out; nothing was changed."
    )
  }
}
