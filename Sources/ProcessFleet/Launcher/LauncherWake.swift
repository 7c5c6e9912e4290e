import CLinux
import Glibc
import WindlassCore
import WindlassWire

/// How a launcher is told that there are new orders. Whatever it is, the orders are in the file.
package enum LauncherWake: Hashable, Sendable {
  /// By the file alone, at which the launcher looks several times a second.
  case file
  /// By SIGHUP, for which the containers must share their process namespace.
  case signal
  /// By a POST of the orders to an address of this pod, for a launcher of the service's own.
  case webhook(String)
}

extension LauncherWake {
  /// Tells the launcher.
  ///
  /// - Throws: `.retry` when a webhook did not answer with a 2xx status. A signal that can't be
  ///   sent is no failure: our own launcher looks by itself.
  func tell(
    _ orders: LauncherOrders, _ process: ProcessIdentity?, over transport: any HTTPTransport
  ) async throws(StepFailure) {
    switch self {
    case .file: return
    case .signal:
      do throws(SystemError) {
        guard let process, case .present(let pidfd) = process.look(from: try .current()) else {
          return
        }
        clinux_pidfd_send_signal(pidfd.number, SIGHUP)
      } catch {
        return
      }
    case .webhook(let url): try await post(orders, to: url, over: transport)
    }
  }

  private func post(
    _ orders: LauncherOrders, to url: String, over transport: any HTTPTransport
  ) async throws(StepFailure) {
    let request = HTTPRequest(
      method: "POST", url: url, headers: [HTTPHeader("content-type", "application/json")],
      body: orders.json.bytes)
    let limits = HTTPLimits(
      bodySizeMax: Bounds.versionReplySizeMax, deadline: Bounds.launcherPatience,
      reach: .loopbackOnly, keepsConnection: false)
    let reason: String
    do throws(HTTPError) {
      let response = try await transport.send(request, limits: limits)
      if (200...299).contains(response.status) { return }
      reason = "it answered \(response.status)"
    } catch {
      reason = error.message
    }
    throw StepFailure(
      code: "WebhookFailed", disposition: .retry,
      message: "the launcher was not told of its orders: POST \(url): \(reason). See whether it "
        + "runs and listens there")
  }
}
