import Logging
import ProcessFleet
import WindlassCore
import WindlassSchema

/// Takes away what rehearsals of one service left whose daemon was killed.
struct RehearsalSweep: Sendable {
  let servers: IsolatedServers
  let scratch: any ScratchDatabases
  let logger: Logger

  /// Ends servers and removes copies; called once, before any rehearsal of this daemon.
  ///
  /// What can't be taken away is logged and stops nothing: a rehearsal replaces leftovers of its
  /// own names.
  func perform() async {
    do throws(StepFailure) {
      let ended = try await servers.sweepLeftovers()
      let removed = try await scratch.sweepLeftovers()
      guard ended + removed > 0 else { return }
      logger.notice(
        "Leftovers of a rehearsal were removed",
        metadata: ["servers": "\(ended)", "copies": "\(removed)"])
    } catch {
      logger.warning(
        "Leftovers of a rehearsal were not removed", metadata: ["failure": "\(error)"])
    }
  }
}
