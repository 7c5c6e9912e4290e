import ArgumentParser

extension KubectlPlugin {
  /// `kubectl windlass approve`: lets the run that waits for it go on.
  struct Approve: KubectlCommand {
    static let configuration = CommandConfiguration(
      commandName: "approve",
      abstract: "Lets the open run go on, where the policy asks for approval.",
      discussion: """
        Writes spec.approvedBy of the UpgradeRun, which is given once and then stays. Look at \
        kubectl windlass plan first.

        Example: kubectl windlass approve beacon --namespace shop
        """)

    @Argument(help: "The ManagedService.")
    var service: String

    @Option(
      name: .long,
      help: ArgumentHelp("Who approves; without it, this user's name.", valueName: "name"))
    var by: String?

    @OptionGroup var errand: ErrandOptions
    @OptionGroup var place: ClusterOptions
    @OptionGroup var format: FormatOptions

    func perform(_ output: Output, on cluster: ReachedCluster) async throws -> ExitStatus {
      let name = try DecisionOptions.name(by)
      return try await DecisionErrand(
        service: service, options: errand, hasConsent: true, cluster: cluster, output: output
      ).perform { outlook throws(CommandFailure) in try outlook.approving(by: name) }
    }
  }

  /// `kubectl windlass pause`: no new run starts.
  struct Pause: KubectlCommand {
    static let configuration = CommandConfiguration(
      commandName: "pause",
      abstract: "Lets no new run start; a run that is open stops at its next safe point.",
      discussion: """
        Writes spec.policy.paused. Where a repository of manifests writes that field, change it \
        there.

        Example: kubectl windlass pause beacon --namespace shop
        """)

    @Argument(help: "The ManagedService.")
    var service: String

    @OptionGroup var errand: ErrandOptions
    @OptionGroup var place: ClusterOptions
    @OptionGroup var format: FormatOptions

    func perform(_ output: Output, on cluster: ReachedCluster) async throws -> ExitStatus {
      try await DecisionErrand(
        service: service, options: errand, hasConsent: true, cluster: cluster, output: output
      ).perform { outlook throws(CommandFailure) in outlook.pausing() }
    }
  }

  /// `kubectl windlass resume`: undoes `pause`, and tries again what stands.
  struct Resume: KubectlCommand {
    static let configuration = CommandConfiguration(
      commandName: "resume",
      abstract: "Lets runs start and go on again, and tries again what stands still.",
      discussion: """
        Takes spec.policy.paused away; where something holds the service up, that is tried again. \
        The decision is meant for the run that is shown.

        Example: kubectl windlass resume beacon --namespace shop
        """)

    @Argument(help: "The ManagedService.")
    var service: String

    @OptionGroup var decision: DecisionOptions
    @OptionGroup var errand: ErrandOptions
    @OptionGroup var place: ClusterOptions
    @OptionGroup var format: FormatOptions

    func perform(_ output: Output, on cluster: ReachedCluster) async throws -> ExitStatus {
      let decider = try decision.decider(cluster)
      return try await DecisionErrand(
        service: service, options: errand, hasConsent: true, cluster: cluster, output: output
      ).perform { outlook throws(CommandFailure) in outlook.resuming(decider) }
    }
  }
}
