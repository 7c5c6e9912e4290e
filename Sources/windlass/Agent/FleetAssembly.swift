import ProcessFleet
import WindlassCore
import WindlassProof
import WindlassWire

/// Who runs the instances of a service.
enum InstanceKeeper: Sendable {
  /// This daemon's own shim.
  case shim
  /// A launcher in another container of this daemon's pod.
  case launcher(LauncherPlace)
  /// The sidecars of all replicas, which this daemon leads.
  case slots(SlotFleet)
}

/// Wires the instances of this machine to who runs them; nothing is started or touched yet.
struct FleetAssembly {
  let state: StateDirectory
  let clock: any RunClock
  let transport: any HTTPTransport
  let artifacts: ArtifactDirectory

  /// Instances that a shim of this daemon runs.
  func shim(
    _ configuration: ServiceConfiguration, database: Secret
  ) throws -> ProcessFleet {
    var settings = try settings(configuration)
    settings.database = configuration.database.injection.map {
      InjectedDatabase(variable: $0.environmentVariable, url: database.reveal())
    }
    let clock = clock
    return ProcessFleet(
      settings: settings, artifacts: artifacts, transport: transport,
      prober: prober(configuration), now: { clock.now() },
      shim: ShimInvocation(bootIDPath: Failpoints.bootIDPath))
  }

  /// Instances that a launcher runs, in its own environment.
  func launcher(
    _ configuration: ServiceConfiguration, at place: LauncherPlace
  ) throws -> LauncherFleet {
    var settings = try settings(configuration)
    settings.stateDirectory = place.folder
    let clock = clock
    return LauncherFleet(
      settings: settings, wake: place.wake, artifacts: artifacts, transport: transport,
      prober: prober(configuration), now: { clock.now() })
  }

  private func prober(_ configuration: ServiceConfiguration) -> ProcessFleet.Prober {
    let prober = ProbeRunner(
      transport: transport,
      configuration: ProbeConfiguration(readinessPath: configuration.fleet.readinessPath))
    return { probes, url throws(StepFailure) in try await prober.runSafe(probes, against: url) }
  }

  private func settings(_ configuration: ServiceConfiguration) throws -> ProcessFleetSettings {
    let fleet = configuration.fleet
    return ProcessFleetSettings(
      command: fleet.command, environment: fleet.environment,
      listeners: try fleet.listeners.map { try listener($0, of: configuration.name) },
      readinessPath: fleet.readinessPath, versionPath: fleet.versionPath,
      versionPointer: fleet.versionPointer, drain: fleet.drain, grace: fleet.grace,
      stateDirectory: state.service(configuration.name) + "/shim")
  }

  private func listener(
    _ listener: ListenerConfiguration, of service: ServiceName
  ) throws -> ListenerSpecification {
    guard let address = SocketAddress(listener.address.description) else {
      throw CommandFailure(
        .usage, "BadConfiguration",
        "\(service) can't listen on \(listener.address): write HOST:PORT with an address of this "
          + "machine, such as 127.0.0.1:8080.")
    }
    return ListenerSpecification(name: listener.name, address: address)
  }
}
