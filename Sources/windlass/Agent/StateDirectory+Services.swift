import Glibc
import WindlassCore

extension StateDirectory {
  /// Unpacked releases and migrations, by digest.
  var artifacts: String { path + "/artifacts" }

  /// A service's own corner.
  func service(_ name: ServiceName) -> String { path + "/services/" + name.text }

  /// Makes the corners of the services, readable by their owner alone.
  func prepare(for services: [ServiceName]) throws(CommandFailure) {
    try prepare()
    let corners = services.flatMap { [service($0), service($0) + "/reports"] }
    for folder in [artifacts, path + "/services"] + corners {
      guard mkdir(folder, 0o700) != 0, errno != EEXIST else { continue }
      throw CommandFailure(
        .failed, "StateFailed",
        "The directory \(folder) can't be made: \(String(cString: strerror(errno))). Check the "
          + "permissions and the disk of the state directory, or name another with --state.")
    }
  }
}
