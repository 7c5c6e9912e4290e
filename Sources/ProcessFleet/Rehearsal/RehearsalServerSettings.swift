package import WindlassCore

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
  /// Whether a server gets a network of its own.
  package var usesOwnNetwork: Bool
  /// Time from SIGTERM to SIGKILL.
  package var grace: Interval
  /// Output and the mark by which leftovers are found; one for each service.
  package var workDirectory: String

  package init(
    command: [String], environment: [String: String] = [:], databaseVariable: String?,
    listenerNames: [String], productionFiles: [String], usesOwnNetwork: Bool = true,
    grace: Interval = .seconds(10), workDirectory: String
  ) {
    self.command = command
    self.environment = environment
    self.databaseVariable = databaseVariable
    self.listenerNames = listenerNames
    self.productionFiles = productionFiles
    self.usesOwnNetwork = usesOwnNetwork
    self.grace = grace
    self.workDirectory = Files.absolute(workDirectory)
  }
}
