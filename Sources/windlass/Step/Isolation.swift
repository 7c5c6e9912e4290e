import Glibc
import KubernetesFleet
import WindlassCore

/// Whether a pod is cut off from what it must not reach, shown by connections that fail.
///
/// All containers of a pod have one network, so that what holds for this one holds for a server
/// beside it. Each place is one that others are known to reach: the database of the service, which
/// the step before has just worked on, and the cluster's API server.
struct Isolation: Sendable {
  let places: [String]

  /// - Parameter forbidden: what is not to be reached, each `ADDRESS:PORT`.
  init(forbidden: [String]) {
    let variable = { (name: String) in getenv(name).map { String(cString: $0) } ?? "" }
    let (host, port) = (variable("KUBERNETES_SERVICE_HOST"), variable("KUBERNETES_SERVICE_PORT"))
    let server = host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    // A name would fail for want of a name service, which shows nothing.
    places = forbidden + (Addresses.isNumeric(host) && !port.isEmpty ? [server] : [])
  }

  /// The first place that can be reached; nil for none.
  var reached: String? {
    let wait = Int32(StepBounds.forbiddenConnection.milliseconds)
    return places.first { Addresses.answers($0, within: wait) }
  }

  /// Waits until nothing can be reached: a network takes a moment to learn the rules of a new pod.
  ///
  /// - Throws: `NotIsolated` when something still can after `StepBounds.isolationPatience`, or when
  ///   there is nothing to try.
  func await(_ clock: any RunClock) async throws(StepFailure) {
    guard !places.isEmpty else {
      throw failure("nothing is known that it must not reach, so nothing shows that it can't")
    }
    let end = clock.now() + StepBounds.isolationPatience
    while let place = reached {
      guard clock.now() < end, !Task.isCancelled else {
        throw failure("it can reach \(place)")
      }
      await clock.sleep(until: clock.now() + .milliseconds(500))
    }
  }

  private func failure(_ reason: String) -> StepFailure {
    StepFailure(
      code: StepFailures.notIsolatedCode, disposition: .stop,
      message: "The pod of a rehearsed server is not cut off from the network: \(reason). Let a"
        + " NetworkPolicy deny all egress of pods with windlass.dev/step=visit but that to the"
        + " server for copies (docs/kubernetes.md), in a network that enforces it, or write"
        + " proof.isolation: none.")
  }
}
