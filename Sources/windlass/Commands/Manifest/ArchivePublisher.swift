import ReleaseFeeds
import WindlassCore
import WindlassSchema
import WindlassWire

/// Fills in what a release says about files that lie on this machine: digest, size and URL.
struct ArchivePublisher {
  /// A file that was measured.
  struct Measurement: Hashable, Sendable {
    /// The path that was read.
    var file: String
    /// Where readers will find it.
    var url: String
    var digest: Digest
    /// In bytes.
    var size: Int64

    /// The measurement for machines.
    var json: JSONValue {
      [
        "file": .string(file), "url": .string(url), "sha256": .string(digest.text),
        "size": .integer(size),
      ]
    }
  }

  /// Where the files will be published; a file's name is put behind it.
  let baseURL: String?
  /// The directory that relative paths start from; nil for the current one.
  let directory: String?
  private(set) var measurements: [Measurement] = []

  init(baseURL: String?, directory: String? = nil) {
    self.baseURL = baseURL
    self.directory = directory
  }

  /// The entry of an archive: `{url, sha256, size}`.
  mutating func archive(_ file: String, url: String? = nil) throws(CommandFailure) -> JSONValue {
    let measured = try measure(file, url: url)
    return [
      "url": .string(measured.url), "sha256": .string(measured.digest.text),
      "size": .integer(measured.size),
    ]
  }

  /// The entry of a file of queries: `{url, sha256}`.
  ///
  /// - Throws: also for a file that no rehearsal could use.
  mutating func queries(
    _ file: String, engine: String, url: String? = nil
  ) throws(CommandFailure) -> JSONValue {
    let measured = try measure(file, url: url)
    let recorded = try QueriesFile.read(measured.file)
    guard recorded.engine == engine else {
      throw CommandFailure(
        .usage, "BadArgument",
        "The queries in \(file) are for \(recorded.engine), and the release names them for"
          + " \(engine). Name the file under its own engine.")
    }
    return ["url": .string(measured.url), "sha256": .string(measured.digest.text)]
  }

  /// Replaces `"file": PATH` in a release's archives and queries by what the file is.
  mutating func resolve(_ release: JSONValue) throws(CommandFailure) -> JSONValue {
    var release = release
    if let archive = try resolved(release.value(at: "/artifact/archive")) {
      release.set(["artifact", "archive"], to: archive)
    }
    for engine in release["migrations"]?.object?.map(\.name) ?? [] {
      let entry = release["migrations"]?[engine]?["archive"]
      if let archive = try resolved(entry) {
        release.set(["migrations", engine, "archive"], to: archive)
      }
    }
    for engine in release["queries"]?.object?.map(\.name) ?? [] {
      if let queries = try resolved(release["queries"]?[engine], queriesOf: engine) {
        release.set(["queries", engine], to: queries)
      }
    }
    return release
  }

  /// The entry with digest and size; nil when it names no file.
  ///
  /// - Parameter engine: whose queries it holds; nil for an archive.
  private mutating func resolved(
    _ entry: JSONValue?, queriesOf engine: String? = nil
  ) throws(CommandFailure) -> JSONValue? {
    guard let entry, let file = entry["file"]?.string else { return nil }
    let url = entry["url"]?.string
    guard let engine else { return try archive(file, url: url) }
    return try queries(file, engine: engine, url: url)
  }

  private mutating func measure(
    _ file: String, url: String?
  ) throws(CommandFailure) -> Measurement {
    let path = file.hasPrefix("/") || directory == nil ? file : "\(directory ?? "")/\(file)"
    let name = path.split(separator: "/").last.map(String.init) ?? path
    guard let address = url ?? baseURL.map({ $0.hasSuffix("/") ? $0 + name : "\($0)/\(name)" })
    else {
      throw CommandFailure(
        .usage, "BadArgument",
        "Where \(file) will be published is not known. Give --base-url, such as "
          + "https://releases.example/beacon.")
    }
    do throws(FileError) {
      let (digest, size) = try RegularFile.measure(path)
      let measured = Measurement(file: path, url: address, digest: digest, size: size)
      measurements.append(measured)
      return measured
    } catch {
      throw CommandFailure(
        error.isMissing ? .usage : .failed, error.isMissing ? "FileMissing" : "FileUnreadable",
        "The archive can't be measured: \(error). Name a file that is there and can be read.")
    }
  }
}

extension JSONValue {
  /// Replaces the value at the names, adding objects on the way; nothing inside a value that is no
  /// object.
  mutating func set(_ names: [String], to value: JSONValue) {
    guard let name = names.first else {
      self = value
      return
    }
    guard var members = object else { return }
    let index = members.firstIndex { $0.name == name }
    var child = index.map { members[$0].value } ?? .object([])
    if child.isNull { child = .object([]) }
    child.set(Array(names.dropFirst()), to: value)
    if let index {
      members[index].value = child
    } else {
      members.append(JSONMember(name, child))
    }
    self = .object(members)
  }
}
