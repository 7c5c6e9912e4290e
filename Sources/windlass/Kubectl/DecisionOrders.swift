import ArgumentParser
import WindlassCore

/// The release of a decision, as it is typed.
struct TypedVersion: ParsableArguments {
  @Argument(help: "The release, such as 1.1.0.")
  var version: String

  /// - Throws: `CommandFailure` with `.usage` for text that is no version.
  func parsed() throws(CommandFailure) -> Version {
    guard let parsed = Version(version) else {
      throw CommandFailure(
        .usage, "BadVersion",
        "\"\(version)\" is not a version. Write one such as 1.1.0, as kubectl windlass status "
          + "shows it.")
    }
    return parsed
  }
}

extension DecisionOptions {
  /// Who decides now.
  ///
  /// - Throws: `CommandFailure` with `.usage` for what no annotation could hold.
  func decider(_ cluster: ReachedCluster) throws(CommandFailure) -> Decider {
    guard reason.utf8.count <= DecisionOptions.reasonSizeMax else {
      throw CommandFailure(
        .usage, "BadArgument",
        "--reason has \(reason.utf8.count) bytes; write at most \(DecisionOptions.reasonSizeMax).")
    }
    return Decider(
      name: try DecisionOptions.name(by), reason: reason, time: cluster.clock.now())
  }

  /// Bytes of a reason: the whole order has to fit into its limit, and quotes count double there.
  private static let reasonSizeMax = 1_024
  private static let nameSizeMax = 256

  /// The name that was given, or this user's.
  static func name(_ given: String?) throws(CommandFailure) -> String {
    let name = given ?? DecisionOptions.person
    guard !name.isEmpty, name.utf8.count <= nameSizeMax else {
      throw CommandFailure(
        .usage, "BadArgument",
        "--by has \(name.utf8.count) bytes; write a name of 1 to \(nameSizeMax).")
    }
    return name
  }
}

extension KubectlPlugin {
  /// `kubectl windlass rollback`: turns the open run around.
  struct Rollback: KubectlCommand {
    static let configuration = CommandConfiguration(
      commandName: "rollback",
      abstract: "Turns the open run around, as long as its commit point is not reached.",
      discussion: """
        Instances go back to the release from before; the database stays as it is, because both \
        releases work on it. The decision is meant for the run that is shown: with another one \
        open it comes too late.

        Example: kubectl windlass rollback beacon --reason "slow answers"

        Example: kubectl windlass rollback beacon --dry-run
        """)

    @Argument(help: "The ManagedService.")
    var service: String

    @OptionGroup var decision: DecisionOptions
    @OptionGroup var consent: ConsentOptions
    @OptionGroup var errand: ErrandOptions
    @OptionGroup var place: ClusterOptions
    @OptionGroup var format: FormatOptions

    func perform(_ output: Output, on cluster: ReachedCluster) async throws -> ExitStatus {
      let decider = try decision.decider(cluster)
      return try await DecisionErrand(
        service: service, options: errand, hasConsent: consent.yes, cluster: cluster, output: output
      ).perform { outlook throws(CommandFailure) in try outlook.rollingBack(decider) }
    }
  }

  /// `kubectl windlass quarantine`: keeps a release from being tried.
  struct Quarantine: KubectlCommand {
    static let configuration = CommandConfiguration(
      commandName: "quarantine",
      abstract: "Keeps a release from being tried; an open run to it turns back.",
      discussion: """
        Example: kubectl windlass quarantine beacon 1.1.1 --reason "loses flags"
        """)

    @Argument(help: "The ManagedService.")
    var service: String

    @OptionGroup var version: TypedVersion
    @OptionGroup var decision: DecisionOptions
    @OptionGroup var consent: ConsentOptions
    @OptionGroup var errand: ErrandOptions
    @OptionGroup var place: ClusterOptions
    @OptionGroup var format: FormatOptions

    func perform(_ output: Output, on cluster: ReachedCluster) async throws -> ExitStatus {
      let (version, decider) = (try version.parsed(), try decision.decider(cluster))
      return try await DecisionErrand(
        service: service, options: errand, hasConsent: consent.yes, cluster: cluster, output: output
      ).perform { outlook throws(CommandFailure) in try outlook.quarantining(version, decider) }
    }
  }

  /// `kubectl windlass release`: lifts a quarantine.
  struct Release: KubectlCommand {
    static let configuration = CommandConfiguration(
      commandName: "release",
      abstract: "Lets a release that is quarantined be tried again.",
      discussion: """
        Example: kubectl windlass release beacon 1.1.1 --reason "disk was full"
        """)

    @Argument(help: "The ManagedService.")
    var service: String

    @OptionGroup var version: TypedVersion
    @OptionGroup var decision: DecisionOptions
    @OptionGroup var errand: ErrandOptions
    @OptionGroup var place: ClusterOptions
    @OptionGroup var format: FormatOptions

    func perform(_ output: Output, on cluster: ReachedCluster) async throws -> ExitStatus {
      let (version, decider) = (try version.parsed(), try decision.decider(cluster))
      return try await DecisionErrand(
        service: service, options: errand, hasConsent: true, cluster: cluster, output: output
      ).perform { outlook throws(CommandFailure) in try outlook.releasing(version, decider) }
    }
  }

  /// `kubectl windlass adopt`: says which release runs.
  struct Adopt: KubectlCommand {
    static let configuration = CommandConfiguration(
      commandName: "adopt",
      abstract: "Says which release is deployed, where the operator can't tell.",
      discussion: "Example: kubectl windlass adopt beacon 1.0.0 --reason \"as installed by hand\"")

    @Argument(help: "The ManagedService.")
    var service: String

    @OptionGroup var version: TypedVersion
    @OptionGroup var decision: DecisionOptions
    @OptionGroup var consent: ConsentOptions
    @OptionGroup var errand: ErrandOptions
    @OptionGroup var place: ClusterOptions
    @OptionGroup var format: FormatOptions

    func perform(_ output: Output, on cluster: ReachedCluster) async throws -> ExitStatus {
      let (version, decider) = (try version.parsed(), try decision.decider(cluster))
      return try await DecisionErrand(
        service: service, options: errand, hasConsent: consent.yes, cluster: cluster, output: output
      ).perform { outlook throws(CommandFailure) in try outlook.adopting(version, decider) }
    }
  }

  /// `kubectl windlass confirm-dead`: a person's word that an instance is gone.
  struct ConfirmDead: KubectlCommand {
    static let configuration = CommandConfiguration(
      commandName: "confirm-dead",
      abstract: "Gives a person's word that an instance in doubt is gone.",
      discussion: """
        The contract step waits for instances that may be alive. Say this only of one that can't \
        come back, for it may find a schema that it does not work with.

        Example: kubectl windlass confirm-dead beacon web-1:5f0c… --reason "node was scrapped"
        """)

    @Argument(help: "The ManagedService.")
    var service: String

    @Argument(help: "The instance, as kubectl windlass status names it.")
    var instance: String

    @OptionGroup var decision: DecisionOptions
    @OptionGroup var consent: ConsentOptions
    @OptionGroup var errand: ErrandOptions
    @OptionGroup var place: ClusterOptions
    @OptionGroup var format: FormatOptions

    func perform(_ output: Output, on cluster: ReachedCluster) async throws -> ExitStatus {
      let (instance, decider) = (instance, try decision.decider(cluster))
      return try await DecisionErrand(
        service: service, options: errand, hasConsent: consent.yes, cluster: cluster, output: output
      ).perform { outlook throws(CommandFailure) in try outlook.burying(instance, decider) }
    }
  }
}
