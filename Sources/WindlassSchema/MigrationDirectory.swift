package import WindlassCore

/// A directory of migrations in golang-migrate's layout.
package struct MigrationDirectory: Hashable, Sendable {
  /// One version, with the files that it has.
  package struct Entry: Hashable, Sendable {
    package var version: SchemaVersion
    /// The name of the file that goes up; nil when only a `.down.sql` exists, and then the version
    /// is a step with an empty body.
    package var upFile: String?
    package var downFile: String?
  }

  package let path: String
  /// Every version, ascending; gaps are ordinary.
  package let entries: [Entry]
  /// Names that are no migration to any tool, ascending.
  package let ignored: [String]

  /// Makes a directory from the names of its files, without subdirectories.
  ///
  /// - Throws: for a file that golang-migrate would run and Windlass would not, for two files of
  ///   one version and direction, and for a version that no ledger holds.
  package init(path: String, names: [String]) throws(StepFailure) {
    self.path = path
    var files: [(file: MigrationFileName, name: String)] = []
    var ignored: [String] = []
    for name in names.sorted() {
      switch MigrationFileName.read(name) {
      case .other: ignored.append(name)
      case .versionTooLarge:
        throw Self.failure(
          "MigrationVersionTooLarge",
          "The version of \(path)/\(name) is larger than a ledger can hold (2^63 - 1), and"
            + " golang-migrate would pass the file over. Give it a smaller number.")
      case .migration(let file): files.append((file, name))
      }
    }
    // Leading zeros mean nothing, so the order of the names is not yet that of the versions.
    files.sort { ($0.file.version, $0.name) < ($1.file.version, $1.name) }
    var entries: [Entry] = []
    for (file, name) in files { try Self.add(file, named: name, to: &entries, path: path) }
    self.entries = entries
    self.ignored = ignored
  }

  /// Adds a file to the last entry, if it is of the same version, or to a new one.
  private static func add(
    _ file: MigrationFileName, named name: String, to entries: inout [Entry], path: String
  ) throws(StepFailure) {
    guard file.fileExtension == "sql" else {
      throw failure(
        "MigrationFileUnexpected",
        "golang-migrate would run \(path)/\(name) as migration \(file.version), since it does not"
          + " look at a file's extension; Windlass runs `.sql` only, so the two would differ."
          + " Move the file out of the directory.")
    }
    var entry = Entry(version: file.version)
    if let last = entries.last, last.version == file.version {
      entry = last
      entries.removeLast()
    }
    let other = file.direction == .up ? entry.upFile : entry.downFile
    guard other == nil else {
      throw failure(
        "MigrationDuplicate",
        "\(path) has two \(file.direction.rawValue) files of version \(file.version):"
          + " \(other ?? "") and \(name). Leading zeros mean nothing. Remove or renumber one.")
    }
    switch file.direction {
    case .up: entry.upFile = name
    case .down: entry.downFile = name
    }
    entries.append(entry)
  }

  private static func failure(_ code: String, _ message: String) -> StepFailure {
    StepFailure(code: code, disposition: .stop, message: message)
  }

  /// The entry of a version; nil when the directory has none.
  package func entry(_ version: SchemaVersion) -> Entry? {
    // Ascending, so each look halves what is left.
    var (low, high) = (0, entries.count)
    while low < high {
      let middle = (low + high) / 2
      if entries[middle].version < version { low = middle + 1 } else { high = middle }
    }
    guard low < entries.count, entries[low].version == version else { return nil }
    return entries[low]
  }

  /// The versions above the one given, which is nil when nothing is applied.
  package func entries(after version: SchemaVersion?) -> [Entry] {
    guard let version else { return entries }
    return entries.filter { $0.version > version }
  }
}
