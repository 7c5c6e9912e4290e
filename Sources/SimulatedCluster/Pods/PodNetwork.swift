import Glibc
import KubernetesFleet
import WindlassWire

/// The network of a pod whose policies deny that it begins connections: a namespace with nothing
/// in it but the pod, held by a process that does nothing, as a pod's pause container does.
///
/// Destinations that a policy allows can't be reached from it either. What is reached by a file,
/// such as a database server's UNIX socket, stands in for them.
struct PodNetwork: Sendable {
  private let holder: ContainerProcess

  /// Makes the network.
  init(folder: String, mark: String) throws(StartFailure) {
    try SmallFiles.makeFolder(folder)
    holder = try ContainerProcess(
      ProcessOrder(
        command: ["/bin/sleep", "infinity"], environment: [], directory: "/",
        log: "\(folder)/network.log", mark: mark, hasOwnNetwork: true))
  }

  /// The command that enters the network and then is the given one; the process stays the same.
  func entered(_ command: [String]) -> [String] {
    let user = geteuid() == 0 ? [] : ["--user", "--preserve-credentials"]
    return ["/usr/bin/nsenter", "--target", String(holder.pid), "--net"] + user + ["--"] + command
  }

  /// Ends the network with what is left in it.
  func close() { holder.kill() }

  /// Whether policies of its namespace deny a pod to begin connections.
  static func isClosed(_ pod: JSONValue, under policies: [JSONValue]) -> Bool {
    let labels = Dictionary(
      (pod.at("metadata", "labels")?.object ?? []).map { ($0.name, $0.value.string ?? "") }
    ) { first, _ in first }
    let own = policies.filter {
      ($0["spec"] ?? .null).texts("policyTypes").contains("Egress")
        && LabelSelector.selects($0.at("spec", "podSelector"), labels)
    }
    // A rule without anything in it allows everything.
    let isOpened = own.contains { $0.list("spec", "egress").contains { $0["to"] == nil } }
    return !own.isEmpty && !isOpened
  }
}
