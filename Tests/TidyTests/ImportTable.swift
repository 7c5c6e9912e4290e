/// Who may import whom: downward only, and third-party modules only where they are named.
enum ImportTable {
  /// Modules of the platform that a target at the edge may use.
  static let platform: Set<String> = [
    "Dispatch", "FoundationEssentials", "Glibc", "Synchronization",
  ]

  /// What each target below `Sources` may import besides the standard library.
  ///
  /// The core, the values of the wire and the simulation use nothing of the platform, so that they
  /// can't read a clock, a file or a socket; a lock is all that the simulation's ports need of it.
  static let sources: [String: Set<String>] = [
    // Layer 0
    "WindlassCore": [],
    // Layer 1
    "WindlassSchema": [
      "CLinux", "CPgQuery", "CSodium", "Dispatch", "FoundationEssentials", "Glibc",
      "Synchronization", "WindlassCore",
    ],
    "WindlassWire": ["WindlassCore"],
    // Layer 2
    "SQLiteDriver": platform.union([
      "CLinux", "CSQLite", "CSodium", "WindlassCore", "WindlassSchema",
    ]),
    "PostgresDriver": platform.union(["CPostgres", "WindlassCore", "WindlassSchema"]),
    "MariaDBDriver": platform.union(["CMariaDB", "WindlassCore", "WindlassSchema"]),
    "CurlTransport": platform.union(["CCurl", "WindlassCore", "WindlassWire"]),
    "ReleaseFeeds": platform.union(["CSodium", "WindlassCore", "WindlassWire"]),
    "ProcessFleet": platform.union(
      ["CArchive", "CLinux", "CSodium", "WindlassCore", "WindlassWire"]),
    "KubernetesFleet": platform.union([
      "CLinux", "CSodium", "WindlassCore", "WindlassWire", "Yams",
    ]),
    "WindlassJournal": platform.union(["CSodium", "WindlassCore"]),
    // Layer 3
    "WindlassProof": platform.union(["WindlassCore", "WindlassSchema", "WindlassWire"]),
    "WindlassEngine": [
      "FoundationEssentials", "Logging", "ServiceLifecycle", "Synchronization", "UnixSignals",
      "WindlassCore", "WindlassJournal", "WindlassProof", "WindlassSchema",
    ],
    "WindlassStatus": [
      "Glibc", "NIOCore", "NIOHTTP1", "NIOPosix", "Synchronization", "WindlassCore",
    ],
    // Layer 4
    "windlass": platform.union([
      "ArgumentParser", "CLinux", "CSodium", "CurlTransport", "KubernetesFleet", "Logging",
      "MariaDBDriver", "ProcessFleet", "PostgresDriver", "ReleaseFeeds", "SQLiteDriver",
      "ServiceLifecycle", "UnixSignals", "WindlassCore", "WindlassEngine",
      "WindlassJournal", "WindlassProof", "WindlassSchema", "WindlassStatus", "WindlassWire",
      "Yams",
    ]),
    "Beacon": platform.union([
      "CMariaDB", "CPostgres", "CSQLite", "NIOCore", "NIOHTTP1", "NIOPosix",
    ]),
    // Test worlds
    "WindlassContracts": [
      "Synchronization", "Testing", "WindlassCore", "WindlassSchema", "WindlassWire",
    ],
    "WindlassSimulation": ["Synchronization", "WindlassCore", "WindlassSchema", "WindlassWire"],
    "SimulatedCluster": platform.union([
      "ArgumentParser", "CLinux", "KubernetesFleet", "NIOCore", "NIOHTTP1", "NIOPosix",
      "WindlassCore", "WindlassSimulation", "WindlassWire",
    ]),
    "DeployedCluster": [
      "Foundation", "KubernetesFleet", "WindlassSimulation", "WindlassWire", "Yams",
    ],
    "crds": ["Glibc", "KubernetesFleet"],
    "fuzz": platform.union(["ReleaseFeeds", "WindlassCore", "WindlassSchema", "WindlassWire"]),
    "bench": platform.union([
      "ArgumentParser", "CMariaDB", "CPostgres", "CurlTransport", "KubernetesFleet", "NIOCore",
      "NIOHTTP1", "NIOPosix", "ReleaseFeeds", "WindlassCore", "WindlassWire",
    ]),
    "simulate": platform.union(["ArgumentParser", "WindlassCore", "WindlassSimulation"]),
  ]

  /// What any test target may import besides the targets above and their imports.
  static let tests: Set<String> = ["Foundation", "Testing"]

  /// The targets that stand for a C library and have no Swift files.
  static let cModules: Set<String> = [
    "CArchive", "CCurl", "CLinux", "CMariaDB", "CPgQuery", "CPostgres", "CSQLite", "CSodium",
  ]

  /// What a target may import; nil when the table does not know it.
  static func allowed(in file: SourceFile) -> Set<String>? {
    guard file.isTest else { return sources[file.target] }
    return sources.values.reduce(tests.union(platform)) { $0.union($1) }.union(sources.keys)
  }
}
