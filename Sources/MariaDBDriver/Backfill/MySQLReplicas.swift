import WindlassCore
import WindlassSchema

/// The replicas that a backfill waits for, as a person named them: a primary can't list those that
/// are down, nor say how far any of them is behind.
///
/// Each is asked on a session of its own, which is kept while it answers. An answer that does not
/// come within a few seconds counts as one that nobody has.
final class MySQLReplicas {
  /// How long one of them may take for an answer.
  private static let deadline = Interval.seconds(5)

  private let addresses: [MySQLAddress]
  private let application: String
  private var sessions: [Int: MySQLConnection] = [:]

  /// Nothing is connected yet.
  init(_ options: MySQLServiceOptions) {
    addresses = options.replicas
    application = "\(options.application)/replica"
  }

  /// Why the next batch has to wait for a replica, for a person; nil when it need not.
  ///
  /// - Parameter primary: a session on the server on which the backfill works.
  /// - Throws: `ReplicaUnfit` for a server that is no replica of the primary, and for one whose
  ///   user may not ask it.
  func reason(beside primary: MySQLConnection) throws(StepFailure) -> String? {
    ReplicaSight.reason(try sights(beside: primary))
  }

  /// How each of them stands to the primary, in the order in which they were named.
  func sights(beside primary: MySQLConnection) throws(StepFailure) -> [ReplicaSight] {
    guard !addresses.isEmpty else { return [] }
    let identity = try primary.identity()
    var sights: [ReplicaSight] = []
    for index in addresses.indices { sights.append(try sight(of: index, identity)) }
    return sights
  }

  private func sight(
    of index: Int, _ primary: PrimaryIdentity
  ) throws(StepFailure) -> ReplicaSight {
    let name = addresses[index].server
    let status: ReplicaStatus
    do throws(StepFailure) {
      status = try session(index).replicaStatus(within: Self.deadline)
    } catch {
      sessions[index] = nil
      guard error.disposition == .stop else { return ReplicaSight(name, .silent(error.message)) }
      throw StepFailure(
        code: "ReplicaUnfit", disposition: .stop,
        message: "The replica \(name), which backfills are to wait for, can't be asked how far it"
          + " is behind. \(error.message) Its user needs REPLICA MONITOR on MariaDB, or REPLICATION"
          + " CLIENT on MySQL; nothing was changed.")
    }
    return try ReplicaSight(name, status, of: primary)
  }

  private func session(_ index: Int) throws(StepFailure) -> MySQLConnection {
    if let known = sessions[index], !known.isLost { return known }
    // A user who may do nothing but ask has a right to no other database.
    let opened = try MySQLConnection(
      addresses[index].with(database: "information_schema"), application: application)
    // For the case that this process ends first.
    try opened.limitStatements(to: Self.deadline * 2)
    sessions[index] = opened
    return opened
  }
}

extension MySQLAddress {
  /// The server for a person, whatever the database.
  var server: String {
    switch place {
    case .host(let host, let port): "\(host):\(port)"
    case .socket(let path): path
    }
  }
}

extension MySQLConnection {
  /// What tells this server from others, in its replicas' words.
  func identity(
    within limit: Interval = Bounds.queryDeadline
  ) throws(StepFailure) -> PrimaryIdentity {
    let uuid = server.isMariaDB ? "NULL" : "@@global.server_uuid"
    let row = try run("SELECT @@global.server_id AS id, \(uuid) AS uuid", within: limit).rows.first
    return PrimaryIdentity(id: row?["id"].integer ?? 0, uuid: row?["uuid"].text)
  }

  /// What this server says about its own replication.
  func replicaStatus(within limit: Interval) throws(StepFailure) -> ReplicaStatus {
    let own = try identity(within: limit)
    // MySQL has had both names from 8.0.22 to 8.3.
    let question =
      server.isMariaDB
      ? "SHOW ALL SLAVES STATUS"
      : server.isAtLeast(8, 1) ? "SHOW REPLICA STATUS" : "SHOW SLAVE STATUS"
    let rows = try run(question, within: limit).rows
    return ReplicaStatus(own: own, sources: rows.map { ReplicaStatus.Source($0) })
  }
}
