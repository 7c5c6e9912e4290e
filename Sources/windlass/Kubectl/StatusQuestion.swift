import ArgumentParser
import KubernetesFleet
import WindlassCore
import WindlassWire

extension KubectlPlugin {
  /// `kubectl windlass status`: what is.
  struct Status: KubectlCommand {
    static let configuration = CommandConfiguration(
      commandName: "status",
      abstract: "Shows a service, what it waits for and which command helps; or all services.",
      discussion: """
        Instances and progress are as the operator journaled them last.

        Example: kubectl windlass status

        Example: kubectl windlass status beacon --namespace shop --watch

        Example: kubectl windlass status --all-namespaces -o json
        """)

    /// The pause between two looks of `--watch`.
    private static let pause = Interval.seconds(2)

    @Argument(help: "The ManagedService; without it, a line for each.")
    var service: String?

    @Flag(name: [.customShort("A"), .long], help: "Show the services of all namespaces.")
    var allNamespaces = false

    @Flag(
      name: .shortAndLong,
      help: "Look every two seconds and show what changed, until it is interrupted.")
    var watch = false

    @OptionGroup var place: ClusterOptions
    @OptionGroup var format: FormatOptions

    func validate() throws {
      guard !allNamespaces || (service == nil && place.namespace == nil) else {
        throw ValidationError(
          "--all-namespaces excludes a service and --namespace: a name is one of a namespace.")
      }
    }

    func perform(_ output: Output, on cluster: ReachedCluster) async throws -> ExitStatus {
      var shown = try await look(cluster)
      show(shown, output, cluster)
      while watch, !Task.isCancelled {
        await cluster.clock.sleep(until: cluster.clock.now() + Self.pause)
        guard !Task.isCancelled else { break }
        let now: [ServiceOutlook]
        do {
          now = try await look(cluster)
        } catch let failure as CommandFailure where failure.code != "ServiceUnknown" {
          // Whoever watches wants to go on once the server answers again.
          output.progress(.warning("not seen: "), Span(failure.message))
          continue
        }
        guard now.map(ServiceView.body) != shown.map(ServiceView.body) else { continue }
        shown = now
        output.line("")
        show(shown, output, cluster)
      }
      return .done
    }

    private func look(_ cluster: ReachedCluster) async throws -> [ServiceOutlook] {
      if let service { return [try await cluster.service(service)] }
      return try await cluster.services(isEverywhere: allNamespaces)
    }

    private func show(_ outlooks: [ServiceOutlook], _ output: Output, _ cluster: ReachedCluster) {
      if service != nil, let outlook = outlooks.first { return ServiceView.show(outlook, output) }
      guard !outlooks.isEmpty else {
        let origin = cluster.client.access.origin
        return output.line(
          Span(
            allNamespaces
              ? "No namespace of \(origin) has a ManagedService."
              : "The namespace \(cluster.namespace) of \(origin) has no ManagedService; "
                + "--all-namespaces shows those of others."))
      }
      ServiceView.table(outlooks, isEverywhere: allNamespaces, output)
    }
  }
}
