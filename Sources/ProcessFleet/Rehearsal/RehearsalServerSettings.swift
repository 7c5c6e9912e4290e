package import WindlassCore

/// Which databases a rehearsed server was seen to use.
package struct DatabaseUse: Hashable, Sendable {
  package var scratch: Bool
  package var production: Bool

  package init(scratch: Bool, production: Bool) {
    self.scratch = scratch
    self.production = production
  }
}

/// Looks which databases the server uses now that was given the URL.
package typealias DatabaseWatch =
  @Sendable (_ databaseURL: String) async throws(StepFailure) -> DatabaseUse

/// How rehearsed servers are run.
package struct RehearsalServerSettings: Sendable {
  /// The program and its arguments; `{artifact}` is the directory of the unpacked release.
  package var command: [String]
  /// Variables that a server gets beside its sockets and its database, by name.
  package var environment: [String: String]
  /// The variable that tells a server its database; nil where none is told, and then it is never
  /// seen to use the scratch copy.
  package var databaseVariable: String?
  /// The names of the service's public listeners, each of which a server finds as a private one.
  package var listenerNames: [String]
  /// The files of the database that no rehearsed server may touch; each with `-wal`, `-shm` and
  /// `-journal` beside it.
  package var productionFiles: [String]
  /// Looks which databases on a server of their own a rehearsed server uses; nil for databases that
  /// are files.
  package var databaseWatch: DatabaseWatch?
  /// Whether a server gets a network of its own.
  package var usesOwnNetwork: Bool
  /// Time from SIGTERM to SIGKILL.
  package var grace: Interval
  /// Output and the mark by which leftovers are found; one for each service.
  package var workDirectory: String

  package init(
    command: [String], environment: [String: String] = [:], databaseVariable: String?,
    listenerNames: [String], productionFiles: [String],
    databaseWatch: DatabaseWatch? = nil, usesOwnNetwork: Bool = true,
    grace: Interval = .seconds(10), workDirectory: String
  ) {
    self.command = command
    self.environment = environment
    self.databaseVariable = databaseVariable
    self.listenerNames = listenerNames
    self.productionFiles = productionFiles
    self.databaseWatch = databaseWatch
    self.usesOwnNetwork = usesOwnNetwork
    self.grace = grace
    self.workDirectory = Files.absolute(workDirectory)
  }
}
