import FoundationEssentials
import Glibc
import WindlassCore

/// The name of this replica, in the folder of its launcher: whoever has the folder goes on with the
/// instances in it, and nobody else has the name.
enum ReplicaName {
  /// Reads the name, or makes one of the host's and chance.
  static func load(from folder: String) throws(CommandFailure) -> ReplicaID {
    let path = folder + "/replica"
    if let bytes = FileManager.default.contents(atPath: path) {
      let name = String(decoding: bytes, as: UTF8.self).filter { !$0.isWhitespace }
      guard !name.isEmpty, name.utf8.count <= Bounds.nameLengthMax else {
        throw failure(path, "holds no name of a replica")
      }
      return ReplicaID(name)
    }
    let name = "\(host())-\(String(UInt64.random(in: .min ... .max), radix: 36))"
    do {
      try FileManager.default.createDirectory(
        atPath: folder, withIntermediateDirectories: true, attributes: [.posixPermissions: 0o700])
      try Data("\(name)\n".utf8).write(to: URL(filePath: path), options: .atomic)
    } catch {
      throw failure(path, "can't be written")
    }
    return ReplicaID(name)
  }

  private static func host() -> String {
    var buffer = [CChar](repeating: 0, count: 65)
    guard gethostname(&buffer, buffer.count - 1) == 0 else { return "replica" }
    let bytes = buffer.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }
    return String(String(decoding: bytes, as: UTF8.self).prefix(64))
  }

  private static func failure(_ path: String, _ what: String) -> CommandFailure {
    CommandFailure(
      .failed, "ReplicaNameFailed",
      "\(path) \(what). Make the launcher's folder this user's, or delete it when no instance "
        + "runs.")
  }
}
