import Glibc

/// Why a file could not be read, as the rest of a sentence that begins with its path.
struct FileFailure: Error, Hashable {
  /// Such as `it does not exist`.
  var reason: String
}

/// Reads small files that a person wrote.
enum TextFile {
  /// Reads a whole file of at most `sizeMax` bytes.
  static func read(_ path: String, sizeMax: Int) throws(FileFailure) -> [UInt8] {
    let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
    guard descriptor >= 0 else { throw FileFailure(reason: reason(errno)) }
    defer { close(descriptor) }
    var status = stat()
    guard fstat(descriptor, &status) == 0 else { throw FileFailure(reason: reason(errno)) }
    guard status.st_mode & S_IFMT != S_IFDIR else {
      throw FileFailure(reason: "it is a directory")
    }
    var bytes: [UInt8] = []
    var chunk = [UInt8](repeating: 0, count: 65_536)
    while true {
      let count = Glibc.read(descriptor, &chunk, chunk.count)
      if count < 0, errno == EINTR { continue }
      guard count >= 0 else { throw FileFailure(reason: reason(errno)) }
      if count == 0 { return bytes }
      bytes += chunk[..<count]
      guard bytes.count <= sizeMax else {
        throw FileFailure(reason: "it is larger than \(sizeMax) bytes")
      }
    }
  }

  private static func reason(_ code: Int32) -> String {
    switch code {
    case ENOENT: "it does not exist"
    case EACCES, EPERM: "this user may not read it"
    case EISDIR: "it is a directory"
    default: "it can't be read (\(String(cString: strerror(code))))"
    }
  }
}
