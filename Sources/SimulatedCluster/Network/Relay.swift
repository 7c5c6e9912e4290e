import Glibc
import KubernetesFleet

/// Listens on one address and copies bytes between its clients and the targets of a route.
struct Relay: Sendable {
  let address: String
  let port: Int
  let route: Route

  init(_ address: String, _ port: Int, _ route: Route) {
    self.address = address
    self.port = port
    self.route = route
  }

  /// Serves until the route is closed or the task is cancelled; an address that can't be had is
  /// tried again each second.
  func run() async {
    while !Task.isCancelled, !route.isClosed {
      guard let thread = RelayThread(address, port, route) else {
        // Cancellation ends the sleep, and the loop.
        try? await Task.sleep(for: .seconds(1))
        continue
      }
      if !route.isClosed { await route.news.wait(after: 0) }
      thread.stop()
    }
  }
}
