import KubernetesFleet
import Logging
import ReleaseFeeds
import Synchronization
import UnixSignals
import WindlassCore
import WindlassStatus
import WindlassWire

/// The running operator: what it sees of the cluster, its candidacy, and the services while it
/// leads.
struct ClusterOperator: Sendable {
  /// How long it is waited for the work to end and the Lease to be given up, once it is to end.
  private static let endingMax = Interval.seconds(20)
  /// The oldest API server whose Jobs and probes do what steps rest on.
  private static let oldestMinor = 30

  let settings: OperatorSettings
  let access: ClusterAccess
  let plugins: any PluginRunner
  let clock: any RunClock
  var random: any RandomSource = SystemRandom()
  let logger: Logger
  let journal: JournalMaker
  var carriers = OperatorCarriers.curl
  var failpoint = Failpoints.fromEnvironment()
  /// Is told which services there are, while the process leads.
  var roster = ServiceRoster()

  /// What one of its tasks has come to.
  private enum Turn: Sendable { case signal, electionOver, overtime, other }

  /// Serves until SIGTERM or SIGINT: what is under way goes on in its Job, and the Lease is given
  /// up so that another one leads at once.
  ///
  /// - Throws: `CommandFailure` for what would fail for ever, before anything is begun.
  func run() async throws -> ExitStatus {
    let station = Station(self)
    let work = { () async throws -> ExitStatus in
      try await check(station.client)
      let signals = await UnixSignalsSequence(trapping: [.sigterm, .sigint])
      await withTaskGroup(of: Void.self) { group in
        group.addTask {
          // Ends with the task; it has no failure of its own.
          try? await CodePages(clock: clock).run()
        }
        await attend(station) { for await _ in signals { return } }
        group.cancelAll()
      }
      return .done
    }
    guard let address = settings.listen else { return try await work() }
    let status = OperatorStatus(
      office: station.office, view: station.view, recorder: station.recorder,
      roster: station.roster, account: ProcessAccount(), clock: clock)
    do {
      return try await StatusServer.serve(status, at: address) { port in
        logger.notice(
          "Status is served", metadata: ["address": "\(address)", "port": "\(port)"])
        return try await work()
      }
    } catch let failure as ListenFailure {
      throw CommandFailure(
        .failed, "PortTaken",
        "The operator can't tell how it is: \(failure). Give another address with --listen.")
    }
  }

  /// Stands for election, and leads whenever it may.
  ///
  /// - Parameter told: Returns when the operator is to end; it is cancelled when it has ended.
  func serve(until told: @escaping @Sendable () async -> Void) async {
    await attend(Station(self), until: told)
  }

  /// What the operator sees and counts, whether it leads or not.
  private struct Station: Sendable {
    let recorder: OperatorRecorder
    let rights: MissingRights
    let client: KubernetesClient
    let view: ClusterView
    let office = OperatorOffice()
    let roster: ServiceRoster

    init(_ running: ClusterOperator) {
      roster = running.roster
      recorder = OperatorRecorder(clock: running.clock)
      rights = running.missingRights()
      client = running.client(recorder, rights)
      view = ClusterView(client, namespaces: running.settings.namespaces)
    }
  }

  /// Follows the cluster, stands for election, and leads while it may, until it is told to end.
  private func attend(
    _ station: Station, until told: @escaping @Sendable () async -> Void
  ) async {
    let (client, view, office) = (station.client, station.view, station.office)
    let elector = LeaderElector(
      client, identity: settings.identity, namespace: settings.leaseNamespace,
      name: settings.shard.lease(settings.leaseName))
    logger.notice(
      "Operator started",
      metadata: [
        "identity": "\(settings.identity)",
        "namespaces": "\(settings.namespaces?.joined(separator: ",") ?? "all")",
        "shard": "\(settings.shard)",
      ])
    await withTaskGroup(of: Turn.self) { group in
      group.addTask {
        await told()
        return Task.isCancelled ? .other : .signal
      }
      group.addTask {
        await view.run()
        return .other
      }
      group.addTask {
        await elector.run { right in
          office.isLeading.withLock { $0 = true }
          await self.lead(right, station)
          station.roster.end()
          office.isLeading.withLock { $0 = false }
        }
        return .electionOver
      }
      while let turn = await group.next() {
        switch turn {
        case .signal:
          office.ending.send()
          guard office.isLeading.withLock({ $0 }) else { return group.cancelAll() }
          group.addTask {
            await clock.sleep(until: clock.now() + Self.endingMax)
            return .overtime
          }
        case .electionOver, .overtime: return group.cancelAll()
        case .other: break
        }
      }
    }
    logger.notice("Operator stopped")
  }

  /// Drives all services until the process is to end, or the right to lead has.
  private func lead(_ right: Leadership, _ station: Station) async {
    let (view, recorder, roster) = (station.view, station.recorder, station.roster)
    let ending = station.office.ending
    guard ending.count == 0 else { return }
    logger.notice("Leadership began")
    let client = client(recorder, station.rights, while: right)
    let events = EventRecorder(client, instance: settings.identity)
    let turns = RunTurns(workingMax: settings.concurrency)
    roster.begin(turns, right)
    let host: ServiceHost
    do {
      host = ServiceHost(
        assembly: OperatorAssembly(
          settings: settings, client: client, transport: try carriers.manifests(), journal: journal,
          claims: ServiceClaims(), events: events,
          turns: turns, workloads: view.workloads, recorder: recorder, roster: roster,
          random: random, beat: PollBeat(at: random.fraction()), failpoint: failpoint,
          logger: logger), view: view, clock: clock)
    } catch {
      logger.critical("Transport could not be made", metadata: ["failure": "\(error)"])
      return
    }
    await withTaskGroup(of: Void.self) { group in
      group.addTask { await host.run() }
      group.addTask { await ending.wait(after: 0) }
      group.addTask { await events.run() }
      await group.next()
      group.cancelAll()
    }
    logger.notice(
      "Leadership ended",
      metadata: ["reason": ending.count > 0 ? "the operator stops" : "the right has ended"])
  }

  /// A client of the cluster; one that is to change things only while a right holds.
  private func client(
    _ recorder: OperatorRecorder, _ rights: MissingRights, while right: Leadership? = nil
  ) -> KubernetesClient {
    KubernetesClient(
      access, clock: clock, random: random, plugins: plugins,
      bucket: TokenBucket(
        perSecond: settings.requestsPerSecond, burst: settings.requestsPerSecond * 3 / 2),
      recorder: recorder, rights: rights,
      transport: { [carriers] security throws(HTTPError) in
        let carrier = try carriers.cluster(security)
        return right.map { LeaderTransport(carrier, while: $0) } ?? carrier
      })
  }

  /// Tells in the log what the server refuses, whoever asked for it.
  private func missingRights() -> MissingRights {
    MissingRights { [logger] news in
      switch news {
      case .missing(let right, let error):
        logger.warning(
          "Right was refused", metadata: ["right": "\(right)", "failure": "\(error)"])
      case .granted(let right):
        logger.notice("Right was granted again", metadata: ["right": "\(right)"])
      }
    }
  }

  // MARK: - Before it begins

  /// Fails at once for what would fail for ever: a server that is not there, one that is too old,
  /// definitions that are missing, rights that are.
  func check() async throws { try await check(Station(self).client) }

  private func check(_ client: KubernetesClient) async throws {
    for warning in access.warnings {
      logger.warning("Access to the cluster is unsafe", metadata: ["warning": "\(warning)"])
    }
    let version: (major: Int, minor: Int)?
    do throws(APIError) {
      version = try await client.serverVersion()
      for namespace in settings.namespaces.map({ $0.map(Optional.some) }) ?? [nil] {
        _ = try await client.list(Selection(.managedServices, in: namespace))
      }
    } catch {
      throw failure(error)
    }
    guard let version, version.major == 1, version.minor < Self.oldestMinor else { return }
    throw CommandFailure(
      .failed, "ServerTooOld",
      "\(access.server) is Kubernetes 1.\(version.minor); the operator needs 1."
        + "\(Self.oldestMinor) or newer.")
  }

  private func failure(_ error: APIError) -> CommandFailure {
    switch error.code {
    case .unknownResource:
      CommandFailure(
        .failed, "DefinitionsMissing",
        "\(access.server) knows no ManagedServices. Install the definitions: kubectl apply "
          + "--server-side -f deploy/crds")
    case .forbidden:
      CommandFailure(
        .failed, "Forbidden",
        "\(error) Give the operator's user that right, or name the namespaces where it has it with"
          + " --namespace.")
    default: CommandFailure(.failed, "ClusterUnreachable", "\(error)")
    }
  }
}
