import KubernetesFleet
import WindlassCore
import WindlassEngine
import WindlassStatus

/// How one service is, in figures.
struct ServiceFigures: Hashable, Sendable {
  var key: ObjectKey
  var standing: ServiceStanding
  var deployed: Version?
  var target: Version?
  /// Of the run that is open.
  var phase: RunPhase?
  /// Nil for a service that is not driven.
  var feed: FeedSighting?

  init(_ key: ObjectKey, _ standing: ServiceStanding) {
    self.key = key
    self.standing = standing
  }

  /// What services come to: so many figures a service, and one for each way to stand.
  static func families(_ services: [ServiceFigures]) -> [MetricFamily] {
    let services = services.sorted { $0.key < $1.key }
    return [
      MetricFamily(
        "windlass_services", "Services that this process drives, by how they stand.",
        .gauge(
          ServiceStanding.allCases.map { standing in
            MetricSample(
              ["state": standing.rawValue],
              Double(services.count { $0.standing == standing }))
          })),
      MetricFamily(
        "windlass_service_info", "The release that is deployed and the one that is wanted.",
        .gauge(services.map(\.info))),
      MetricFamily(
        "windlass_service_ready", "Whether the condition Ready of the service is true.",
        .gauge(services.map { $0.sample($0.standing == .ready) })),
      MetricFamily(
        "windlass_service_blocked",
        "Whether the service waits for a person, for evidence, or for a wish that can be read.",
        .gauge(services.map { $0.sample($0.standing == .blocked || $0.standing == .notDriven) })),
      MetricFamily(
        "windlass_run_phase", "The phase of the run that is open.",
        .gauge(services.compactMap(\.run))),
      MetricFamily(
        "windlass_feed_last_success_timestamp_seconds",
        "When a poll last brought a manifest that is trusted; 0 before the first.",
        .gauge(
          services.compactMap { service in
            service.feed.map { service.sample($0.fetchedAt?.inSeconds ?? 0) }
          })),
      MetricFamily(
        "windlass_manifest_expires_timestamp_seconds",
        "When the newest trusted manifest expires.",
        .gauge(
          services.compactMap { service in
            service.feed?.expires.map { service.sample($0.inSeconds) }
          })),
    ]
  }

  private var info: MetricSample<Double> {
    MetricSample(
      [
        "namespace": key.namespace, "name": key.name,
        "deployed_version": deployed.map { "\($0)" } ?? "",
        "target_version": target.map { "\($0)" } ?? "",
      ], 1)
  }

  private var run: MetricSample<Double>? {
    phase.map { phase in
      MetricSample(
        ["namespace": key.namespace, "name": key.name, "phase": phase.rawValue], 1)
    }
  }

  private func sample(_ isSo: Bool) -> MetricSample<Double> { sample(isSo ? 1 : 0) }

  private func sample(_ value: Double) -> MetricSample<Double> {
    MetricSample(["namespace": key.namespace, "name": key.name], value)
  }
}

extension DrivenService {
  /// How the service is now.
  func figures(_ key: ObjectKey, _ turns: RunTurns, at now: Timestamp) -> ServiceFigures {
    let shared = self.operator.shared
    let state = shared.state
    let news = StatusNews(
      shared: shared, feed: .pending, generation: 0,
      waiting: turns.block(of: service.uid), now: now)
    var figures = ServiceFigures(key, ServiceStanding(news))
    figures.deployed = state.record.deployed?.version
    figures.target = state.record.run?.plan.target.version ?? figures.deployed
    figures.phase = state.record.run?.phase
    figures.feed = feed.sighting
    return figures
  }
}

extension Timestamp {
  /// Seconds since 1970.
  fileprivate var inSeconds: Double { Double(milliseconds) / 1_000 }
}
