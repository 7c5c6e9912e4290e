import ArgumentParser
import WindlassCore
import WindlassSimulation

/// Lives through seeds of simulated services, and prints the first that fails.
@main struct Simulate: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "simulate",
    abstract: "Run simulated services, each from one seed, and judge every event.",
    discussion: "Example: simulate --seeds 200000 --jobs 2")

  /// Which kinds of scenarios are run.
  enum Kind: String, ExpressibleByArgument, CaseIterable {
    case common, forgetful, calm, cluster
    case forgetfulCluster = "forgetful-cluster"
    case calmCluster = "calm-cluster"
    case ownedCluster = "owned-cluster"

    var profile: Profile {
      switch self {
      case .common: .common
      case .forgetful: .forgetful
      case .calm: .calm
      case .cluster: .cluster
      case .forgetfulCluster: .forgetfulCluster
      case .calmCluster: .calmCluster
      case .ownedCluster: .ownedCluster
      }
    }
  }

  @Option(help: "How many seeds to run.") var seeds: UInt64 = 1_000
  @Option(help: "The first seed.") var seed: UInt64 = 1
  @Option(help: "How many run at once.") var jobs = 2
  @Option(help: "The kind of scenario.") var profile = Kind.common
  @Flag(help: "Run one seed and print everything that happens.") var replay = false
  @Flag(help: "With --replay: run it whole instead of what is needed to fail.") var whole = false

  #if DEBUG
    @Option(help: "Leave out one rule of the core, by name; the simulation should notice.")
    var without: String?
  #endif

  /// The rules that the core obeys: all of them, except where a debug build was asked otherwise.
  private var rules: Rules {
    #if DEBUG
      if let name = without.flatMap({ Rules.Name(rawValue: $0) }) { return .whole.without(name) }
    #endif
    return .whole
  }

  func validate() throws {
    guard (1...64).contains(jobs) else { throw ValidationError("--jobs takes 1 to 64") }
    guard seeds > 0 else { throw ValidationError("--seeds takes at least 1") }
  }

  func run() async throws {
    let campaign = Campaign(profile: profile.profile, rules: rules)
    if replay { return try show(campaign) }
    let clock = ContinuousClock()
    let began = clock.now
    let failed = await search(campaign)
    let seconds = Double((clock.now - began).components.seconds) + 0.001
    guard let failed else {
      let rate = Int(Double(seeds) / max(seconds, 1))
      print("\(seeds) seeds from \(seed): 0 violations, about \(rate) seeds/s")
      return
    }
    report(campaign, failed)
    throw ExitCode.failure
  }

  /// The lowest failing seed that a job came upon; nil when none failed.
  private func search(_ campaign: Campaign) async -> UInt64? {
    let (first, end, stride) = (seed, seed + seeds, UInt64(jobs))
    return await withTaskGroup(of: UInt64?.self) { group in
      for job in 0..<stride {
        group.addTask {
          var next = first + job
          while next < end, !Task.isCancelled {
            if !campaign.run(seed: next).violations.isEmpty { return next }
            next += stride
          }
          return nil
        }
      }
      var lowest: UInt64?
      for await found in group {
        guard let found else { continue }
        lowest = min(lowest ?? found, found)
        group.cancelAll()
      }
      return lowest
    }
  }

  private func report(_ campaign: Campaign, _ failed: UInt64) {
    guard let failure = campaign.shorten(seed: failed) else { return }
    print("seed \(failed) violates \(failure.finding)")
    print("needed: \(failure.incidents.count) incidents, \(failure.struck.count) faults")
    for incident in failure.incidents {
      print("  at \((incident.at - Scenario.dawn).milliseconds) ms: \(incident.kind)")
    }
    for fault in failure.struck { print("  \(fault.name)") }
    print("trace:")
    for line in failure.trace { print("  \(line)") }
    print("replay: simulate --profile \(profile.rawValue) --seed \(failed) --replay")
  }

  private func show(_ campaign: Campaign) throws {
    let summary = campaign.run(seed: seed, keepsTrace: true)
    guard whole || summary.violations.isEmpty else {
      report(campaign, seed)
      throw ExitCode.failure
    }
    for line in summary.trace { print(line) }
    guard summary.violations.isEmpty else { throw ExitCode.failure }
    print("seed \(seed): 0 violations in \(summary.steps) steps")
  }
}
