import Glibc
import WindlassCore
import WindlassWire

/// What an archive held when it was unpacked: the truth that its directory is compared with later.
struct ArtifactIndex: Hashable {
  /// One file.
  struct File: Hashable {
    /// Below the directory, with `/` between its parts.
    var path: String
    /// The SHA-256 of its bytes.
    var digest: Digest
    /// Whether the archive gave it the owner's execute bit.
    var isExecutable: Bool
  }

  /// The list's format; another one is refused.
  static let format: Int64 = 1

  /// By path.
  var files: [File]

  /// The list as it is kept.
  var json: JSONValue {
    [
      "format": .integer(ArtifactIndex.format),
      "files": .array(
        files.map {
          [
            "path": .string($0.path), "sha256": .string($0.digest.text),
            "isExecutable": .bool($0.isExecutable),
          ]
        }),
    ]
  }

  /// Makes a list, ordered by path.
  init(files: [File]) { self.files = files.sorted { $0.path < $1.path } }

  /// Reads what `json` wrote.
  init(json: JSONValue) throws(JSONFields.Mismatch) {
    let fields = JSONFields(json)
    guard try fields.integer("format") == ArtifactIndex.format else {
      throw JSONFields.Mismatch(name: "format")
    }
    files = try fields.array("files").map { (element) throws(JSONFields.Mismatch) in
      let fields = JSONFields(element)
      return File(
        path: try fields.string("path"), digest: Digest(try fields.string("sha256")),
        isExecutable: try fields.bool("isExecutable"))
    }
  }
}

/// Why a directory is not what was unpacked into it.
struct ArtifactDamage: Error, Hashable {
  /// What is wrong, with the path that it is about.
  var sentence: String
}

extension ArtifactIndex {
  /// Compares every file below the directory with the index; nothing may be missing, changed,
  /// added, or be anything but a plain file or a directory.
  func verify(_ directory: String) throws(ArtifactDamage) {
    var found: Set<String> = []
    try walk(directory, prefix: "", depth: 0, found: &found)
    for file in files {
      guard found.contains(file.path) else {
        throw ArtifactDamage(sentence: "\(directory)/\(file.path) is missing")
      }
      _ = try open(file.path, in: directory)
    }
    let known = Set(files.map(\.path))
    if let extra = found.subtracting(known).min() {
      throw ArtifactDamage(sentence: "\(directory)/\(extra) was not in the archive")
    }
  }

  /// Opens one file of the directory, verifies what was opened, and returns it.
  func open(_ path: String, in directory: String) throws(ArtifactDamage) -> Descriptor {
    guard let file = files.first(where: { $0.path == path }) else {
      throw ArtifactDamage(sentence: "the archive has no file \(path)")
    }
    let full = "\(directory)/\(path)"
    let opened: Descriptor
    let digest: Digest
    do throws(SystemError) {
      let flags = O_RDONLY | O_CLOEXEC | O_NOFOLLOW
      opened = try Descriptor.checked(Glibc.open(full, flags), "open", full)
      digest = try FileDigest.digest(of: opened, full).digest
    } catch {
      throw ArtifactDamage(sentence: error.description)
    }
    guard digest == file.digest else {
      throw ArtifactDamage(
        sentence: "\(full) has SHA-256 \(digest), and had \(file.digest) when it was unpacked")
    }
    return opened
  }

  private func walk(
    _ directory: String, prefix: String, depth: Int, found: inout Set<String>
  ) throws(ArtifactDamage) {
    guard depth <= Bounds.archiveDepthMax, found.count <= Bounds.archiveEntriesMax else {
      throw ArtifactDamage(sentence: "\(directory) holds more than any archive may")
    }
    for (name, kind) in try entries(of: directory) {
      let path = "\(directory)/\(name)"
      switch kind {
      case .file: found.insert(prefix + name)
      case .directory:
        try walk(path, prefix: prefix + name + "/", depth: depth + 1, found: &found)
      case .other: throw ArtifactDamage(sentence: "\(path) is neither a file nor a directory")
      }
    }
  }

  private func entries(
    of directory: String
  ) throws(ArtifactDamage) -> [(name: String, kind: FileStatus.Kind)] {
    do throws(SystemError) {
      return try Files.names(in: directory).map { (name) throws(SystemError) in
        (name, try FileStatus("\(directory)/\(name)").kind)
      }
    } catch {
      throw ArtifactDamage(sentence: error.description)
    }
  }
}
