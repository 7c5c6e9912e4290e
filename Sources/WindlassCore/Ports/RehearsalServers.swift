/// A server of the service that runs for a rehearsal, apart from the fleet.
public struct RehearsalServer: Hashable, Sendable {
  /// What tells it from the others of this rehearsal, such as `old-1`.
  public var label: String
  public var release: Version
  /// Where it answers, such as `http://127.0.0.1:40123`; its private socket.
  public var baseURL: String

  public init(label: String, release: Version, baseURL: String) {
    self.label = label
    self.release = release
    self.baseURL = baseURL
  }
}

/// What was seen of a rehearsed server.
public struct RehearsalServerReport: Hashable, Codable, Sendable {
  /// How it ended; nil while it runs.
  public var exit: ExitReport?
  /// The last lines that it wrote, at most 4 KiB.
  public var output: String
  /// Whether it could reach nothing but loopback and its scratch database.
  public var isIsolated: Bool
  /// Whether it was seen to hold the scratch database open.
  public var usesScratch: Bool
  /// Whether it was seen to hold the production database open.
  public var usesProduction: Bool

  public init(
    exit: ExitReport?, output: String, isIsolated: Bool, usesScratch: Bool, usesProduction: Bool
  ) {
    self.exit = exit
    self.output = output
    self.isIsolated = isIsolated
    self.usesScratch = usesScratch
    self.usesProduction = usesProduction
  }
}

/// Starts artifacts against scratch copies, isolated from everything else.
public protocol RehearsalServers: Sendable {
  /// Starts the release's prepared artifact on a private socket with the scratch database's URL in
  /// its environment, and returns without waiting for readiness.
  func start(
    _ release: Release, databaseURL: String, label: String
  ) async throws(StepFailure) -> RehearsalServer

  /// What is known of the server now; may be asked after it ended.
  func report(on server: RehearsalServer) async throws(StepFailure) -> RehearsalServerReport

  /// Stops the server, by SIGKILL in the end, and returns when it is gone.
  func stop(_ server: RehearsalServer) async throws(StepFailure) -> RehearsalServerReport
}
