import CLinux
import Glibc
package import WindlassCore

/// `windlass launch`: the first process of a container, which runs what a sidecar orders.
///
/// Killed, it leaves its instances to the next launcher of the folder. Told to end, it ends them.
package struct LauncherProgram: Sendable {
  /// The folder that it shares with the sidecar.
  package var folder: String

  package init(folder: String) { self.folder = folder }

  /// Runs what is ordered until SIGTERM or SIGINT, then ends every instance and returns; blocks the
  /// calling thread all the while.
  ///
  /// - Throws: why it could not begin, such as another launcher of this folder.
  package func run() throws(StepFailure) {
    umask(0o077)
    signal(SIGPIPE, SIG_IGN)
    clinux_hold_signals()
    clinux_become_subreaper()
    let folder = LauncherFolder(path: folder)
    try folder.make()
    let lock = try takeLock(folder)
    defer { withExtendedLifetime(lock) {} }
    let here: HostIdentity
    do throws(SystemError) {
      here = try HostIdentity.current()
    } catch {
      throw error.failure(code: "LauncherFailed", next: "the launcher needs /proc")
    }
    let fleet = try ShimFleet(
      directory: folder.directory, here: here,
      // What a container's processes write is its log.
      output: Descriptor(owning: dup(STDOUT_FILENO)))
    try Launcher(folder: folder, fleet: fleet, here: here).run()
  }

  private func takeLock(_ folder: LauncherFolder) throws(StepFailure) -> Descriptor {
    do throws(SystemError) {
      return try folder.directory.takeLock()
    } catch {
      guard error.number == EAGAIN || error.number == EACCES else {
        throw error.failure(code: "LauncherFailed", next: "make \(folder.path) writable")
      }
      throw StepFailure(
        code: "LauncherRunning", disposition: .stop,
        message: "Another launcher serves \(folder.path); there can be only one.")
    }
  }
}
