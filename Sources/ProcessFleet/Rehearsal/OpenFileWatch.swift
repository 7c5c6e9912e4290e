/// Looks which of some files a group of processes has open.
struct OpenFileWatch: Sendable {
  /// A database's file and those that SQLite keeps beside it.
  static func files(ofDatabase path: String) -> [String] {
    [path, path + "-wal", path + "-shm", path + "-journal"]
  }

  /// Whether one of the processes holds one of the files open, by device and inode: a link or
  /// another name hides nothing.
  static func isOpen(_ paths: [String], in processes: [Int32]) -> Bool {
    // What is not there can't be open.
    let wanted = Set(paths.compactMap { try? FileStatus($0, followsLinks: true).identity })
    guard !wanted.isEmpty else { return false }
    return processes.contains { pid in
      ProcessTable.openFiles(of: pid).contains { file in
        // The descriptor may have been closed since it was listed.
        (try? FileStatus("/proc/\(pid)/fd/\(file.number)", followsLinks: true).identity)
          .map(wanted.contains) ?? false
      }
    }
  }

  /// The file of a `sqlite:` URL; nil for any other URL.
  static func file(ofDatabaseURL url: String) -> String? {
    guard url.hasPrefix("sqlite://") else { return nil }
    let rest = url.dropFirst("sqlite://".count).prefix { $0 != "?" && $0 != "#" }
    guard rest.hasPrefix("/") else { return nil }
    return PercentEncoding.decoded(String(rest))
  }
}
