import ArgumentParser

/// What the program is when it is called `kubectl-windlass`: a plug-in of kubectl, by which people
/// ask and tell the operator of a cluster what they ask and tell the daemon of one machine.
struct KubectlPlugin: AsyncParsableCommand {
  static let configuration = CommandConfiguration(
    commandName: "kubectl windlass",
    abstract: "Shows and decides what Windlass does with the services of a cluster.",
    discussion: """
      Everything is read from and written to ManagedServices and UpgradeRuns, with the rights of \
      whoever calls; the operator takes it up from there.

      Example: kubectl windlass status

      Example: kubectl windlass approve beacon --namespace shop

      Exit codes: 0 done, 1 failed or refused, 2 usage or configuration, 4 unknown, 5 pending, \
      6 dirty ledger.
      """,
    version: "kubectl-windlass \(Windlass.version)",
    subcommands: [
      Adopt.self,
      Approve.self,
      ConfirmDead.self,
      History.self,
      Pause.self,
      Plan.self,
      Quarantine.self,
      Release.self,
      Resume.self,
      Rollback.self,
      Status.self,
    ])
}
