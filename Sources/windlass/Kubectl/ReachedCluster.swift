import Glibc
import KubernetesFleet
import WindlassCore

/// A cluster that commands of the plug-in ask and change, and what else they need of the outside.
struct ReachedCluster: Sendable {
  /// Owns what the plug-in writes.
  static let manager = "kubectl-windlass"

  let client: KubernetesClient
  /// The services' namespace.
  let namespace: String
  let clock: any RunClock
  /// Makes an id that no decision had before.
  let makeID: @Sendable (DecisionOrder.Choice) -> String
  /// Asks the person who typed; nil where nobody can answer.
  let ask: @Sendable (_ question: String) -> Bool?

  // MARK: - Reading

  /// Reads one service.
  ///
  /// - Throws: `CommandFailure`; for a service that is not there it names those that are.
  func service(_ name: String) async throws(CommandFailure) -> ServiceOutlook {
    guard TextRules.isObjectName(name) else {
      throw CommandFailure(
        .usage, "BadName",
        "\"\(name)\" is no name of a ManagedService: write lower-case letters, digits, hyphens and "
          + "dots, as kubectl get managedservices shows it.")
    }
    let sighting: ServiceSighting?
    do throws(StepFailure) {
      sighting = try await ServiceSighting.read(name, in: namespace, by: client)
    } catch {
      throw failure(error)
    }
    guard let sighting else { throw try await missing(name) }
    return ServiceOutlook(sighting)
  }

  /// Reads all services, those of all namespaces if `isEverywhere`.
  func services(isEverywhere: Bool) async throws(CommandFailure) -> [ServiceOutlook] {
    do throws(StepFailure) {
      let sightings = try await ServiceSighting.all(
        in: isEverywhere ? nil : namespace, by: client)
      return sightings.map { ServiceOutlook($0) }
    } catch {
      throw failure(error)
    }
  }

  private func missing(_ name: String) async throws(CommandFailure) -> CommandFailure {
    let known = try await services(isEverywhere: false).map(\.name)
    let origin = client.access.origin
    guard !known.isEmpty else {
      return CommandFailure(
        .failed, "ServiceUnknown",
        "The namespace \(namespace) of \(origin) has no ManagedService, so none named \(name). "
          + "Name another namespace with --namespace, or see all of them: kubectl windlass status "
          + "--all-namespaces")
    }
    let meant = NearestName.suggestion(for: name, among: known).map { " Is \($0) meant?" } ?? ""
    return CommandFailure(
      .failed, "ServiceUnknown",
      "The namespace \(namespace) of \(origin) has no ManagedService \(name); it has "
        + "\(known.joined(separator: ", ")).\(meant) Name another one, or another namespace with "
        + "--namespace.")
  }

  /// A server's failure as the person reads it who typed the command.
  func failure(_ error: StepFailure) -> CommandFailure {
    let origin = client.access.origin
    switch error.code {
    case "UnknownResource":
      return CommandFailure(
        .failed, "DefinitionsMissing",
        "The cluster of \(origin) knows no ManagedServices. Name another with --context, or "
          + "install Windlass there (deploy/README.md).")
    case "Forbidden":
      return CommandFailure(
        .failed, error.code,
        "\(error.message) Whoever has the role windlass-decider in \(namespace) may do it.")
    case "Unauthorized", "NoCredentials", "Untrusted", "Unreachable", "NoAnswer":
      return CommandFailure(
        .failed, error.code, "\(error.message) This is \(origin), at \(client.access.server).")
    default: return CommandFailure(error)
    }
  }

  // MARK: - The person who types

  /// An id with the choice for people, and chance enough to be used once.
  @Sendable static func freshID(_ choice: DecisionOrder.Choice) -> String {
    let word = String(UInt64.random(in: .min ... .max), radix: 36)
    return "\(choice.rawValue)-\(String(repeating: "0", count: max(0, 13 - word.count)))\(word)"
  }

  /// Asks at the terminal; only `y` and `yes` are a yes. Nil where there is no terminal.
  @Sendable static func askTerminal(_ question: String) -> Bool? {
    guard isatty(STDIN_FILENO) == 1, isatty(STDERR_FILENO) == 1 else { return nil }
    let text = Array("\(Span.escaped(question)) [y/N] ".utf8)
    guard write(STDERR_FILENO, text, text.count) == text.count else { return nil }
    let answer = readLine()?.lowercased() ?? ""
    return ["y", "yes"].contains(answer)
  }
}

extension TextRules {
  /// Whether the text may name an object of a cluster.
  static func isObjectName(_ text: String) -> Bool {
    text.utf8.count <= 253
      && text.split(separator: ".", omittingEmptySubsequences: false).allSatisfy {
        isName(String($0))
      }
  }
}
