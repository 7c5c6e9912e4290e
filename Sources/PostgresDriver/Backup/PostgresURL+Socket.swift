import Glibc
import WindlassCore
import WindlassSchema

extension PostgresURL {
  /// The same database by the server's UNIX socket, where this machine has one that leads to it:
  /// no network namespace cuts that off, and so a rehearsed server without a network reaches its
  /// copy. Otherwise the URL itself.
  func reachedBySocket() throws(StepFailure) -> PostgresURL {
    let host = keywords.first { $0.name == "host" }?.value.reveal() ?? ""
    // Without a host the library takes its own socket.
    guard !host.isEmpty, !host.hasPrefix("/") else { return self }
    let port = keywords.first { $0.name == "port" }?.value.reveal() ?? "5432"
    for directory in ["/run/postgresql", "/var/run/postgresql", "/tmp"] {
      guard access("\(directory)/.s.PGSQL.\(port)", F_OK) == 0 else { continue }
      let candidate = replacing(socketDirectory: directory)
      // A scratch database's name is random, so that a server which has it is the right one.
      let isRight = try? PostgresConnection(ScratchServer.patient(candidate, "windlass/rehearsal"))
      if isRight != nil { return candidate }
    }
    return self
  }
}
