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
    files.reserveCapacity(names.count)
    var ignored: [String] = []
    var tooLarge: String?
    for name in names {
      switch MigrationFileName.read(name) {
      case .other: ignored.append(name)
      // The first one is told, in whatever order the file system gives them.
      case .versionTooLarge: tooLarge = min(tooLarge ?? name, name)
      case .migration(let file): files.append((file, name))
      }
    }
    if let name = tooLarge {
      throw Self.failure(
        "MigrationVersionTooLarge",
        "The version of \(path)/\(name) is larger than a ledger can hold (2^63 - 1), and"
          + " golang-migrate would pass the file over. Give it a smaller number.")
    }
    // Numbers first: names are compared for the files of one version alone.
    files.sort { left, right in
      left.file.version == right.file.version
        ? left.name < right.name : left.file.version < right.file.version
    }
    var entries: [Entry] = []
    entries.reserveCapacity(files.count)
    for (file, name) in files { try Self.add(file, named: name, to: &entries, path: path) }
    self.entries = entries
    self.ignored = ignored.sorted()
  }

  /// Adds a file to the last entry, if it is of the same version, or to a new one.
  private static func add(
    _ file: MigrationFileName, named name: String, to entries: inout [Entry], path: String
  ) throws(StepFailure) {
    guard file.isSQL else {
      throw failure(
        "MigrationFileUnexpected",
        "golang-migrate would run \(path)/\(name) as migration \(file.version), since it does not"
          + " look at a file's extension; Windlass runs `.sql` only, so the two would differ."
          + " Move the file out of the directory.")
    }
    if entries.last?.version != file.version { entries.append(Entry(version: file.version)) }
    let last = entries.count - 1
    let other = file.direction == .up ? entries[last].upFile : entries[last].downFile
    guard other == nil else {
      throw failure(
        "MigrationDuplicate",
        "\(path) has two \(file.direction.rawValue) files of version \(file.version):"
          + " \(other ?? "") and \(name). Leading zeros mean nothing. Remove or renumber one.")
    }
    switch file.direction {
    case .up: entries[last].upFile = name
    case .down: entries[last].downFile = name
    }
  }

  private static func failure(_ code: String, _ message: String) -> StepFailure {
    StepFailure(code: code, disposition: .stop, message: message)
  }

  /// The entry of a version; nil when the directory has none.
  package func entry(_ version: SchemaVersion) -> Entry? {
    let place = firstPlace { $0 >= version }
    guard place < entries.count, entries[place].version == version else { return nil }
    return entries[place]
  }

  /// The versions above the one given, which is nil when nothing is applied.
  package func entries(after version: SchemaVersion?) -> ArraySlice<Entry> {
    guard let version else { return entries[...] }
    return entries[firstPlace { $0 > version }...]
  }

  /// Where the entries begin whose versions are high enough.
  private func firstPlace(_ isHighEnough: (SchemaVersion) -> Bool) -> Int {
    // Ascending, so each look halves what is left.
    var (low, high) = (0, entries.count)
    while low < high {
      let middle = (low + high) / 2
      if isHighEnough(entries[middle].version) { high = middle } else { low = middle + 1 }
    }
    return low
  }
}
