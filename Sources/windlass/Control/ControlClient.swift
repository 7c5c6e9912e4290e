import Glibc
import WindlassCore

/// Asks the daemon that runs on a state directory.
struct ControlClient {
  let directory: StateDirectory

  /// Sends the request and waits for the answer; blocks, as a command has nothing else to do.
  ///
  /// - Throws: `CommandFailure` when no daemon answers.
  func send(_ request: ControlRequest) throws(CommandFailure) -> ControlResponse {
    let path = directory.controlSocket
    let line: [UInt8]
    do throws(SocketFailure) {
      let socket = try UnixSocket.make()
      let deadline = ContinuousClock.now + .milliseconds(Bounds.controlTimeout.milliseconds)
      try socket.connect(to: path, until: deadline)
      try socket.write(ControlProtocol.line(request), until: deadline)
      line = try socket.readLine(sizeMax: Bounds.controlMessageMax, until: deadline)
    } catch {
      throw failure(error, path)
    }
    do throws(ControlProtocolError) {
      return try ControlProtocol.response(line)
    } catch {
      throw CommandFailure(
        .failed, "DaemonNotUnderstood",
        "The daemon on \(directory.path) gave an answer that was not understood: \(error.message).")
    }
  }

  private func failure(_ error: SocketFailure, _ path: String) -> CommandFailure {
    switch error.number {
    case ENOENT, ECONNREFUSED, ENOTDIR:
      CommandFailure(
        .failed, "NoDaemon",
        "No Windlass daemon runs on the state directory \(directory.path). Start one with "
          + "windlass agent --config FILE --state \(directory.path), or name another directory "
          + "with --state.")
    case EACCES, EPERM:
      CommandFailure(
        .failed, "NotAllowed",
        "This user may not ask the daemon on \(directory.path). Run the command as the user that "
          + "the daemon runs as, or as root.")
    default:
      CommandFailure(
        .failed, "DaemonSilent",
        "The daemon's socket \(path) was reached, but \(error.reason). Look into the daemon's log, "
          + "and try again.")
    }
  }
}
