import CLinux
import Glibc
package import WindlassCore
import WindlassWire

/// `windlass shim`: the process that owns a service's listening sockets and its instances.
///
/// It survives the daemon; killed itself, it leaves the instances serving, and the next shim takes
/// the sockets and the instances over.
package struct ShimProgram: Sendable {
  /// Where records, logs and the control socket are.
  package var stateDirectory: String
  /// An inherited pipe to tell readiness on: `ready`, or a failure as JSON.
  package var readyDescriptor: Int32?
  /// Where the boot id is read; another file plays a reboot in tests.
  package var bootIDPath: String

  package init(
    stateDirectory: String, readyDescriptor: Int32? = nil, bootIDPath: String? = nil
  ) {
    self.stateDirectory = stateDirectory
    self.readyDescriptor = readyDescriptor
    self.bootIDPath = bootIDPath ?? HostIdentity.bootIDPath
  }

  /// Serves until a client tells it to leave; blocks the calling thread all the while.
  ///
  /// - Throws: why it could not begin to serve, such as another shim that serves this directory.
  package func run() throws(StepFailure) {
    let ready = readyDescriptor.map { Descriptor(owning: $0) }
    do throws(StepFailure) {
      try serve(ready: ready)
    } catch {
      ShimProgram.tell(ready, error.shimJSON.text)
      throw error
    }
  }

  private func serve(ready: Descriptor?) throws(StepFailure) {
    umask(0o077)
    // Whoever waits at the ready pipe or a connection may have gone; a write then just fails.
    signal(SIGPIPE, SIG_IGN)
    clinux_become_subreaper()
    let directory = ShimDirectory(path: stateDirectory)
    let lock = try takeLock(directory)
    defer { withExtendedLifetime(lock) {} }
    let here = try checked { () throws(SystemError) in
      try HostIdentity.current(bootIDPath: bootIDPath)
    }
    let fleet = try ShimFleet(directory: directory, here: here)
    let server = try checked { () throws(SystemError) in
      try ShimServer(fleet: fleet, directory: directory)
    }
    ShimProgram.tell(ready, ShimProgram.readyWord)
    server.run()
    unlink(directory.socket)
  }

  private func checked<Value>(_ body: () throws(SystemError) -> Value) throws(StepFailure) -> Value
  {
    do throws(SystemError) {
      return try body()
    } catch {
      throw error.failure(code: "ShimFailed", next: "the shim of \(stateDirectory) did not start")
    }
  }

  private func takeLock(_ directory: ShimDirectory) throws(StepFailure) -> Descriptor {
    do throws(SystemError) {
      try directory.make()
      return try directory.takeLock()
    } catch {
      guard error.number == EAGAIN || error.number == EACCES, let pid = directory.lockHolder()
      else {
        throw error.failure(
          code: "ShimFailed", next: "make the state directory \(stateDirectory) writable")
      }
      throw StepFailure(
        code: ShimProgram.lockHeldCode, disposition: .stop,
        message: "Another shim (pid \(pid)) serves \(stateDirectory); there can be only one.")
    }
  }

  /// The code of the failure of a shim that is the second one.
  static let lockHeldCode = "ShimRunning"

  /// What is told when requests are answered from now on.
  static let readyWord = "ready"

  private static func tell(_ ready: Descriptor?, _ word: String) {
    guard let ready else { return }
    // Whoever waited may have gone, and then nobody needs the word.
    try? Files.write(Array((word + "\n").utf8), to: ready, "ready pipe")
  }
}
