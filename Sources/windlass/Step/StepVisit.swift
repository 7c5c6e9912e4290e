import CurlTransport
import Glibc
import KubernetesFleet
import PostgresDriver
import ProcessFleet
import WindlassCore
import WindlassProof
import WindlassWire

/// Puts the server beside this container to its probes.
struct StepVisit {
  let question: VisitQuestion
  let plan: Plan
  let wish: ManagedServiceSpec
  let transport: CurlTransport

  func carryOut() async throws -> ServerVisit {
    guard let request = VisitRequest(text: question.request) else {
      throw CommandFailure(
        .usage, "BadArgument",
        "What the rehearsal asks is none that this version understands. Let the operator and its"
          + " Jobs run the same version.")
    }
    let url = try question.copyURL ?? scratchURL()
    let servers = NeighbourServers(
      baseURL: try baseURL(),
      isolation: question.forbidden.map(Isolation.init(forbidden:)),
      use: try Self.use(of: url))
    let visitor = ServerVisitor(
      servers: servers, transport: transport,
      configuration: RehearsalConfiguration(
        probes: ProbeConfiguration(
          readinessPath: Self.variable(StepVariables.readinessPath) ?? "/", reach: .anywhere),
        isolation: wish.proof.isolation == .none ? .none : .network))
    return try await visitor.visit(request, of: plan, databaseURL: url)
  }

  private static func variable(_ name: String) -> String? {
    getenv(name).map { String(cString: $0) }.flatMap { $0.isEmpty ? nil : $0 }
  }

  private func baseURL() throws(CommandFailure) -> String {
    let base = PodProbe.baseURL(
      Self.variable(StepVariables.serverAddress) ?? "",
      Self.variable(StepVariables.serverPort).flatMap { Int($0) } ?? 0)
    guard let base else {
      throw CommandFailure(
        .usage, "BadArgument",
        "\(StepVariables.serverAddress) and \(StepVariables.serverPort) say no place of a server.")
    }
    return base
  }

  private func scratchURL() throws -> String {
    try DatabaseSource.environment(StepVariables.scratch).resolve().reveal()
  }

  /// Sees whether anybody but this program uses the copy: nobody but the server beside it is told
  /// of it.
  private static func use(
    of url: String
  ) throws -> @Sendable () async throws(StepFailure) -> Bool {
    guard !url.hasPrefix("sqlite:") else { return { NeighbourWatch.holdsOpen(databaseURL: url) } }
    let sessions = PostgresSessionWatch(copy: try PostgresURL(url))
    return { () async throws(StepFailure) in try await sessions.use(of: url).scratch }
  }
}

/// The server that runs in a container beside this one. Its kubelet starts it before and stops it
/// after; how it ended, only who reads the pod can tell.
private actor NeighbourServers: RehearsalServers {
  private let baseURL: String
  /// Nil where a person has written that none is to be asked for.
  private let isolation: Isolation?
  private let use: @Sendable () async throws(StepFailure) -> Bool
  private var isIsolated: Bool

  init(
    baseURL: String, isolation: Isolation?,
    use: @escaping @Sendable () async throws(StepFailure) -> Bool
  ) {
    self.baseURL = baseURL
    self.isolation = isolation
    self.use = use
    isIsolated = isolation != nil
  }

  func start(
    _ release: Release, databaseURL: String, label: String
  ) async throws(StepFailure) -> RehearsalServer {
    tryNetwork()
    return RehearsalServer(label: label, release: release.version, baseURL: baseURL)
  }

  func report(on server: RehearsalServer) async throws(StepFailure) -> RehearsalServerReport {
    // Where the database itself can't be reached it can't be used, as the tried connections show.
    RehearsalServerReport(
      exit: nil, output: "", isIsolated: isIsolated, usesScratch: try await use(),
      usesProduction: false)
  }

  func stop(_ server: RehearsalServer) async throws(StepFailure) -> RehearsalServerReport {
    // Once more at the end: what was opened meanwhile could be reached meanwhile.
    tryNetwork()
    return try await report(on: server)
  }

  private func tryNetwork() {
    if let isolation, isolation.places.isEmpty || isolation.reached != nil { isIsolated = false }
  }
}
