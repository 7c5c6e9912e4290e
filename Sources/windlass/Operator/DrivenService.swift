import KubernetesFleet
import Logging
import ReleaseFeeds
import WindlassCore
import WindlassEngine
import WindlassWire

/// Everything that drives one service of a cluster, wired; nothing of it runs yet.
struct DrivenService: Sendable {
  let service: ManagedService
  let `operator`: ServiceOperator
  let feed: FeedLoop
  let workload: ClusterWorkload
  let steps: ServiceSteps
  let pace: ServicePace
  let offers: OfferGate
}

/// Where the state of a namespace's services is remembered.
typealias JournalMaker = @Sendable (_ namespace: String, KubernetesClient) -> any RunJournal

/// Wires services of a cluster to their drivers; the only place that knows all of them.
struct OperatorAssembly: Sendable {
  let settings: OperatorSettings
  /// Changes nothing once this process leads no more.
  let client: KubernetesClient
  /// For manifests.
  let transport: any HTTPTransport
  let journal: JournalMaker
  let claims: ServiceClaims
  /// Tells people what happens.
  let events: EventRecorder
  /// How many services are at work at a time.
  let turns: RunTurns
  /// Tells when the pods of a workload changed.
  let workloads: WorkloadNews
  /// Counts what happens.
  let recorder: OperatorRecorder
  /// Is told which services there are.
  let roster: ServiceRoster
  /// Lets only so many services be taken up at a time.
  let beginnings = Turnstile(atOnce: 16)
  /// Spreads polls of manifests.
  var random: any RandomSource = SystemRandom()
  /// When polls of manifests begin.
  var beat = PollBeat(at: 0)
  var failpoint = Failpoints.fromEnvironment()
  let logger: Logger

  /// Makes everything that one service needs.
  ///
  /// - Parameters:
  ///   - service: With the wish that its open run goes by, if there is one.
  ///   - journal: Remembers its state.
  ///   - watch: Follows the Jobs of its steps.
  ///   - ends: Has seen the ends of pods.
  func drive(
    _ service: ManagedService, journal: any RunJournal, clock: any RunClock, watch: StepWatch,
    ends: any SeenEnds
  ) throws -> DrivenService {
    let logger = logger(of: service)
    let steps = ServiceSteps(
      service.name, spec: service.wish, settings: settings.steps(in: service.namespace),
      client: client, watch: watch, owner: service.owner, turns: turns)
    let pace = ServicePace(
      service.uid, clock: clock,
      news: workloads.signal(of: service.place, selecting: service.gated), turns: turns)
    let prober = WaveJobs(steps, port: service.port)
    let workload = ClusterWorkload(
      service.place, of: client, adopts: service.adopts, prober: prober, ends: ends)
    let gate = service.gated.map { pods in
      GatedWorkload(
        of: service.reference, pods: pods, container: service.place.container, by: client,
        prober: prober, ends: ends)
    }
    let claims = claims
    let jobs = ServiceJobs(
      steps,
      claim: { database throws(StepFailure) in try claims.claim(database, for: service) },
      workload: { () async throws(StepFailure) in
        for finding in try await workload.readiness(isGated: gate != nil) {
          logger.warning(
            "Workload was found fit with a reservation",
            metadata: ["finding": "\(finding.code.rawValue)", "detail": "\(finding.message)"])
        }
      },
      bar: { epoch throws(StepFailure) in
        guard let gate else { return try await workload.bar(under: epoch) }
        try await gate.bar(under: epoch)
      })
    let fleet: any WorkloadFleet = if let gate { gate } else { workload }
    let paced = PacedWorkload(fleet, pace, steps)
    let ports = ServicePorts(
      database: jobs, backups: jobs, rehearsal: jobs, fleet: .workload(paced),
      artifacts: jobs, backupsKept: Int(service.spec.backup.keep))
    let driver = ServiceOperator(
      policy: service.policy, ports: ports, journal: journal, clock: pace, logger: logger,
      failpoint: failpoint)
    // Weakly, for the driver keeps both: it would stay for ever, with all that it knows.
    pace.follow { [weak driver] in
      guard let driver, driver.isIdle else { return nil }
      return driver.snapshot
    }
    steps.follow { [weak driver] in
      guard let state = driver?.snapshot else { return StepStanding() }
      return StepStanding(
        plan: state.record.run?.plan, epoch: state.watch.isFenced ? state.record.epoch : nil,
        isUnderWay: state.record.run?.hasBegun ?? false)
    }
    let offers = OfferGate(service.uid, to: driver, turns, pace)
    return DrivenService(
      service: service, operator: driver, feed: try feed(service, offers, clock),
      workload: workload, steps: steps, pace: pace, offers: offers)
  }

  /// The logger of one service.
  func logger(of service: ManagedService) -> Logger {
    var logger = logger
    logger[metadataKey: "service"] = "\(service.key)"
    return logger
  }

  private func feed(
    _ service: ManagedService, _ offers: OfferGate, _ clock: any RunClock
  ) throws -> FeedLoop {
    guard let manifest = service.spec.source.manifest,
      let place = ReleaseFeeds.ManifestSource(manifest.url)
    else {
      throw ObjectError(
        "spec.source.manifest.url", "is no place of a manifest",
        allowed: "Write an https:, http: or file: URL.")
    }
    let keys: TrustedKeys
    do throws(KeyError) {
      keys = try TrustedKeys(manifest.publicKeys)
    } catch {
      throw ObjectError(
        "spec.source.manifest.publicKeys", "holds what is no key (\(error))",
        allowed: "Write the second line of a minisign .pub file.")
    }
    let poller = ManifestPoller(
      source: place, service: ServiceName(manifest.service), keys: keys,
      interval: manifest.interval, store: ClusterTrustStore(service, by: client),
      transport: transport, generator: FractionGenerator(random), now: { clock.now() })
    return FeedLoop(
      poller: poller, receiver: { offers.take($0) }, engine: service.engine, clock: clock,
      beat: beat, logger: logger(of: service))
  }
}

/// Random bits out of fractions, for those who want a generator.
private struct FractionGenerator: RandomNumberGenerator, Sendable {
  private let random: any RandomSource

  init(_ random: any RandomSource) { self.random = random }

  /// A double has 53 random bits at most: two of them make up one number.
  func next() -> UInt64 {
    let half = { UInt64(random.fraction() * 4_294_967_296) }
    return half() << 32 | half()
  }
}

extension Run {
  /// Whether it has changed something, or is on its way back.
  var hasBegun: Bool {
    orderedAt != nil || begun != nil || !applied.isEmpty || direction != .forward
  }
}
