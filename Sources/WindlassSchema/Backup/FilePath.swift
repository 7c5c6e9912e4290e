import Glibc
import WindlassCore

/// What the file system says about paths, asked without opening a database: closing a second
/// descriptor of one would drop the locks that this process holds on it.
package enum FilePath {
  /// Whether anything is at the path.
  package static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }

  /// The size of a file in bytes; 0 when there is none.
  package static func size(_ path: String) -> Int64 {
    var status = stat()
    return stat(path, &status) == 0 ? Int64(status.st_size) : 0
  }

  /// When a file was changed, in seconds since 1970; nil when there is none.
  package static func changedAt(_ path: String) -> Int? {
    var status = stat()
    return stat(path, &status) == 0 ? status.st_mtim.tv_sec : nil
  }

  /// The path without links; of a file that does not exist, its directory's.
  package static func resolved(_ path: String) -> String {
    if let found = realpath(path, nil) {
      defer { free(found) }
      return String(cString: found)
    }
    guard let slash = path.lastIndex(of: "/"), slash != path.startIndex else { return path }
    let directory = String(path[..<slash])
    guard let found = realpath(directory, nil) else { return path }
    defer { free(found) }
    return String(cString: found) + path[slash...]
  }

  /// The directory of a path.
  package static func directory(of path: String) -> String {
    guard let slash = path.lastIndex(of: "/") else { return "." }
    return slash == path.startIndex ? "/" : String(path[..<slash])
  }

  /// The names in a directory, ascending; nil, with `errno`, when it can't be read.
  package static func names(in path: String) -> [String]? {
    guard let stream = opendir(path) else { return nil }
    defer { closedir(stream) }
    var names: [String] = []
    while let record = readdir(stream) {
      let name = withUnsafePointer(to: &record.pointee.d_name) { field in
        field.withMemoryRebound(to: CChar.self, capacity: Int(NAME_MAX) + 1) {
          String(cString: $0)
        }
      }
      names.append(name)
    }
    return names.sorted()
  }

  /// Free bytes for this user on the file system of a path, and what tells that file system.
  package static func freeSpace(_ path: String) -> (bytes: Int64, device: UInt64)? {
    var space = statvfs()
    var status = stat()
    guard statvfs(path, &space) == 0, stat(path, &status) == 0 else { return nil }
    let (bytes, overflow) = Int64(clamping: space.f_bavail)
      .multipliedReportingOverflow(by: Int64(clamping: space.f_frsize))
    return (overflow ? .max : bytes, UInt64(status.st_dev))
  }

  /// The type of the network file system that a path is on, such as `nfs4`; nil on a local one.
  package static func networkFileSystem(_ path: String) -> String? {
    var status = stat()
    guard stat(path, &status) == 0, let mounts = ProcessFile.read("/proc/self/mountinfo") else {
      return nil
    }
    // How Linux packs the two numbers of a device into one.
    let number = UInt64(status.st_dev)
    let major = ((number >> 8) & 0xFFF) | ((number >> 32) & ~0xFFF)
    let minor = (number & 0xFF) | ((number >> 12) & ~0xFF)
    let device = "\(major):\(minor)"
    for line in mounts.split(separator: "\n") {
      // `36 35 98:0 /root /mount rw,noatime master:1 - ext3 /dev/root rw`
      let fields = line.split(separator: " ")
      guard fields.count > 2, fields[2] == device,
        let mark = fields.firstIndex(of: "-"), mark + 1 < fields.count
      else { continue }
      let type = String(fields[mark + 1])
      return networkTypes.contains(type) ? type : nil
    }
    return nil
  }

  private static let networkTypes: Set<String> = [
    "9p", "afs", "ceph", "cifs", "fuse.glusterfs", "fuse.sshfs", "gfs2", "nfs", "nfs4", "ocfs2",
    "smb3", "smbfs",
  ]
}

/// Small files of the kernel's.
package enum ProcessFile {
  /// The whole text; nil where it can't be read.
  package static func read(_ path: String) -> String? {
    guard let file = fopen(path, "re") else { return nil }
    defer { fclose(file) }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while bytes.count < Bounds.kernelTableSizeMax {
      let count = fread(&chunk, 1, chunk.count, file)
      guard count > 0 else { break }
      bytes += chunk[..<count]
    }
    return String(decoding: bytes, as: UTF8.self)
  }
}
