package import WindlassCore

/// How a fleet of processes on this machine is run.
package struct ProcessFleetSettings: Sendable {
  /// The program and its arguments; `{artifact}` is the directory of the unpacked release.
  package var command: [String]
  /// Variables that each instance gets beside its sockets and its database, by name.
  package var environment: [String: String]
  /// The variable that tells an instance its database; nil where none is told.
  package var database: InjectedDatabase?
  /// The public listeners that all instances share.
  package var listeners: [ListenerSpecification]
  /// The path that answers with a 2xx status when an instance is ready.
  package var readinessPath: String
  /// The path whose JSON reply tells an instance's version.
  package var versionPath: String
  /// Where in that reply the version stands (RFC 6901).
  package var versionPointer: String
  /// Time after SIGTERM in which accepted requests end.
  package var drain: Interval
  /// Time from there to SIGKILL.
  package var grace: Interval
  /// The shim's records, logs and control socket; one for each service.
  package var stateDirectory: String

  package init(
    command: [String], environment: [String: String] = [:], database: InjectedDatabase? = nil,
    listeners: [ListenerSpecification], readinessPath: String = "/healthz",
    versionPath: String = "/version", versionPointer: String = "/version",
    drain: Interval = .seconds(30), grace: Interval = .seconds(10), stateDirectory: String
  ) {
    self.command = command
    self.environment = environment
    self.database = database
    self.listeners = listeners
    self.readinessPath = readinessPath
    self.versionPath = versionPath
    self.versionPointer = versionPointer
    self.drain = drain
    self.grace = grace
    self.stateDirectory = Files.absolute(stateDirectory)
  }
}

/// A database URL on its way into a child's environment; it shows as `***` wherever it is printed.
package struct InjectedDatabase: Sendable, CustomStringConvertible, CustomDebugStringConvertible,
  CustomReflectable
{
  /// The name of the variable.
  package var variable: String
  let url: String

  package init(variable: String, url: String) {
    self.variable = variable
    self.url = url
  }

  package var description: String { "\(variable)=***" }
  package var debugDescription: String { description }
  package var customMirror: Mirror { Mirror(self, children: [:]) }
}

/// How the shim is started: the program, and the words before `--state`.
package struct ShimInvocation: Hashable, Sendable {
  /// The path of the program.
  package var executable: String
  /// The words after the program.
  package var arguments: [String]
  /// Where the shim reads the boot id; another file plays a reboot in tests.
  package var bootIDPath: String?

  /// Makes a command; without arguments, this very program's own.
  package init(
    executable: String = "/proc/self/exe", arguments: [String] = ["shim"],
    bootIDPath: String? = nil
  ) {
    self.executable = executable
    self.arguments = arguments
    self.bootIDPath = bootIDPath
  }
}
