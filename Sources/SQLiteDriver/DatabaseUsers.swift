import Glibc
import WindlassSchema

/// Which processes have a database open, as their descriptors tell.
package enum DatabaseUsers {
  /// The processes, other than this one, that have the file open, ascending; those of other users
  /// are seen by root alone.
  package static func processes(path: String) -> [Int32] {
    let file = FilePath.resolved(path)
    return numbers(in: "/proc").filter { process in
      process != getpid()
        && numbers(in: "/proc/\(process)/fd").contains { descriptor in
          link("/proc/\(process)/fd/\(descriptor)") == file
        }
    }.sorted()
  }

  private static func numbers(in directory: String) -> [Int32] {
    (FilePath.names(in: directory) ?? []).compactMap { Int32($0) }
  }

  private static func link(_ path: String) -> String? {
    var target = [UInt8](repeating: 0, count: Int(PATH_MAX))
    let count = target.withUnsafeMutableBytes { buffer in
      guard let base = buffer.baseAddress else { return 0 }
      return readlink(path, base.assumingMemoryBound(to: CChar.self), buffer.count)
    }
    return count > 0 ? String(decoding: target[..<count], as: UTF8.self) : nil
  }
}
