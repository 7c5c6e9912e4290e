// swift-tools-version: 6.2
import PackageDescription

/// What every Swift target of this package is compiled with.
let strict: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .treatAllWarnings(as: .error),
  // So that the linker can put each function where it is of use, or leave it out.
  .unsafeFlags(["-Xfrontend", "-function-sections"], .when(configuration: .release)),
]

/// Whether the campaigns of the operator are built, as `.ci/campaigns.sh` does.
let isForCampaigns = Context.environment["WINDLASS_OPTIMIZED"] != nil

/// What reads and writes JSON is optimised in debug builds too: otherwise tests that run whole
/// operators spend more than half of their time there.
let quick: [SwiftSetting] = [.unsafeFlags(["-O"], .when(configuration: .debug))]

/// What the modules are compiled with besides in which the campaigns spend their time.
let busy: [SwiftSetting] = isForCampaigns ? quick : []

/// How the program is linked for release, so that it starts in a third of the time: nobody looks for
/// symbols in it, it brings the compiler's support library along instead of loading it, it lies at a
/// fixed address (docs/decisions says what that gives up), the places that the loader still has to
/// mend are packed, which glibc reads since 2.36, and what a short run uses lies side by side.
let quickStart: [LinkerSetting] = [
  .unsafeFlags(
    [
      "-use-ld=lld", "-Xlinker", "--no-export-dynamic", "-Xlinker", "-z", "-Xlinker",
      "pack-relative-relocs", "-Xlinker", "--no-pie", "-Xclang-linker", "-static-libgcc",
      "-Xlinker", "--symbol-ordering-file=\(Context.packageDirectory)/.ci/order.txt",
      "-Xlinker", "--no-warn-symbol-ordering",
    ],
    .when(platforms: [.linux], configuration: .release))
]

let argumentParser: Target.Dependency = .product(
  name: "ArgumentParser", package: "swift-argument-parser")
let logging: Target.Dependency = .product(name: "Logging", package: "swift-log")
let lifecycle: [Target.Dependency] = [
  .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
  .product(name: "UnixSignals", package: "swift-service-lifecycle"),
]
let nio: [Target.Dependency] = [
  .product(name: "NIOCore", package: "swift-nio"),
  .product(name: "NIOHTTP1", package: "swift-nio"),
  .product(name: "NIOPosix", package: "swift-nio"),
]
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")

let package = Package(
  name: "windlass",
  products: [
    .executable(name: "windlass", targets: ["windlass"]),
    .executable(name: "beacon", targets: ["Beacon"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser.git", from: "1.8.0"),
    .package(url: "https://github.com/apple/swift-log.git", from: "1.16.0"),
    .package(url: "https://github.com/apple/swift-nio.git", from: "2.101.0"),
    .package(url: "https://github.com/jpsim/Yams.git", from: "6.2.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle.git", from: "2.13.0"),
  ],
  targets: [
    // Layer 0: the decision core, and the C libraries behind one module each.
    .target(name: "WindlassCore", swiftSettings: strict + busy),
    // Loaded on first use: they bring fifty libraries that most commands do without.
    .target(name: "CArchive"),
    .target(name: "CCurl"),
    // Headers alone: nothing is linked with these three but what asks for it below.
    .systemLibrary(name: "CMariaDB", providers: [.apt(["libmariadb-dev"])]),
    .systemLibrary(name: "CPostgres", providers: [.apt(["libpq-dev"])]),
    .systemLibrary(name: "CPgQuery", providers: [.apt(["libpg-query-dev"])]),
    .systemLibrary(
      name: "CSodium", pkgConfig: "libsodium", providers: [.apt(["libsodium-dev"])]),
    .systemLibrary(
      name: "CSQLite", pkgConfig: "sqlite3", providers: [.apt(["libsqlite3-dev"])]),
    .target(name: "CLinux"),

    // Layer 1: rules about schemas, values of HTTP and JSON.
    .target(
      name: "WindlassSchema", dependencies: ["WindlassCore", "CLinux", "CPgQuery", "CSodium"],
      swiftSettings: strict,
      // The archive: the shared library would be needed wherever Windlass runs.
      linkerSettings: [.linkedLibrary(":libpg_query.a")]),
    .target(name: "WindlassWire", dependencies: ["WindlassCore"], swiftSettings: strict + quick),

    // Layer 2: drivers; none imports another.
    .target(
      name: "SQLiteDriver",
      dependencies: ["WindlassCore", "WindlassSchema", "CLinux", "CSQLite", "CSodium"],
      swiftSettings: strict),
    .target(
      name: "PostgresDriver",
      dependencies: ["WindlassCore", "WindlassSchema", "CPostgres"], swiftSettings: strict),
    .target(
      name: "MariaDBDriver",
      dependencies: ["WindlassCore", "WindlassSchema", "CMariaDB"],
      swiftSettings: strict),
    .target(
      name: "CurlTransport", dependencies: ["WindlassCore", "WindlassWire", "CCurl"],
      swiftSettings: strict),
    .target(
      name: "ReleaseFeeds", dependencies: ["WindlassCore", "WindlassWire", "CSodium"],
      exclude: ["ReleaseManifest.schema.json"], swiftSettings: strict),
    .target(
      name: "ProcessFleet",
      dependencies: ["WindlassCore", "WindlassWire", "CArchive", "CLinux", "CSodium"],
      swiftSettings: strict),
    .target(
      name: "KubernetesFleet",
      dependencies: ["WindlassCore", "WindlassWire", "CLinux", "CSodium", yams],
      swiftSettings: strict + busy),
    .target(
      name: "WindlassJournal", dependencies: ["WindlassCore", "CSodium"],
      swiftSettings: strict),

    // Layer 3: what drives a run.
    .target(
      name: "WindlassProof", dependencies: ["WindlassCore", "WindlassSchema", "WindlassWire"],
      swiftSettings: strict),
    .target(
      name: "WindlassEngine",
      dependencies: [
        "WindlassCore", "WindlassSchema", "WindlassJournal", "WindlassProof", logging,
      ] + lifecycle,
      swiftSettings: strict + busy),
    .target(
      name: "WindlassStatus", dependencies: ["WindlassCore"] + nio, swiftSettings: strict),

    // Layer 4: programs.
    .executableTarget(
      name: "windlass",
      dependencies: [
        "WindlassCore", "WindlassSchema", "WindlassWire", "SQLiteDriver", "PostgresDriver",
        "MariaDBDriver",
        "CurlTransport",
        "ReleaseFeeds", "ProcessFleet", "KubernetesFleet", "WindlassJournal", "WindlassProof",
        "WindlassEngine", "WindlassStatus", "CLinux", "CSodium", argumentParser, logging, yams,
      ] + lifecycle,
      swiftSettings: strict + busy, linkerSettings: quickStart),
    .executableTarget(
      name: "Beacon", dependencies: ["CMariaDB", "CPostgres", "CSQLite"] + nio,
      swiftSettings: strict,
      linkerSettings: [.linkedLibrary("mariadb"), .linkedLibrary("pq")]),

    // Test worlds: peers of the production drivers, and the suites that both must pass.
    .target(
      name: "WindlassSimulation", dependencies: ["WindlassCore", "WindlassWire"],
      swiftSettings: strict + busy),
    .target(
      name: "WindlassContracts", dependencies: ["WindlassCore", "WindlassSchema", "WindlassWire"],
      swiftSettings: strict),
    .executableTarget(
      name: "SimulatedCluster",
      dependencies: [
        "WindlassCore", "WindlassWire", "WindlassSimulation", "KubernetesFleet", "CLinux",
        argumentParser,
      ] + nio, swiftSettings: strict + busy),
    .target(
      name: "DeployedCluster",
      dependencies: ["KubernetesFleet", "WindlassSimulation", "WindlassWire", yams],
      swiftSettings: strict),
    .executableTarget(name: "crds", dependencies: ["KubernetesFleet"], swiftSettings: strict),
    .executableTarget(
      name: "fuzz",
      dependencies: ["WindlassCore", "WindlassSchema", "WindlassWire", "ReleaseFeeds"],
      exclude: ["Corpus"], swiftSettings: strict),
    .executableTarget(
      name: "bench",
      dependencies: [
        "CMariaDB", "CPostgres", "CurlTransport", "KubernetesFleet", "ReleaseFeeds",
        "WindlassCore", "WindlassWire", argumentParser,
      ] + nio,
      swiftSettings: strict,
      linkerSettings: [.linkedLibrary("mariadb"), .linkedLibrary("pq")]),
    .executableTarget(
      name: "simulate", dependencies: ["WindlassCore", "WindlassSimulation", argumentParser],
      swiftSettings: strict),

    .testTarget(
      name: "WindlassCoreTests", dependencies: ["WindlassCore"], swiftSettings: strict),
    .testTarget(
      name: "WindlassSchemaTests", dependencies: ["fuzz", "WindlassCore", "WindlassSchema"],
      swiftSettings: strict),
    .testTarget(
      name: "WindlassWireTests", dependencies: ["WindlassCore", "WindlassWire"],
      swiftSettings: strict),
    .testTarget(
      name: "SQLiteDriverTests",
      dependencies: [
        "WindlassCore", "WindlassSchema", "WindlassContracts", "SQLiteDriver", "CSQLite",
      ],
      swiftSettings: strict),
    .testTarget(
      name: "PostgresDriverTests",
      dependencies: ["WindlassCore", "WindlassSchema", "WindlassContracts", "PostgresDriver"],
      swiftSettings: strict),
    .testTarget(
      name: "MariaDBDriverTests",
      dependencies: ["WindlassCore", "WindlassSchema", "WindlassContracts", "MariaDBDriver"],
      swiftSettings: strict),
    .testTarget(
      name: "CurlTransportTests",
      dependencies: ["WindlassCore", "WindlassWire", "WindlassContracts", "CurlTransport"],
      swiftSettings: strict),
    .testTarget(
      name: "ReleaseFeedsTests",
      dependencies: ["WindlassCore", "WindlassWire", "WindlassSimulation", "ReleaseFeeds"],
      swiftSettings: strict),
    .testTarget(
      name: "ProcessFleetTests",
      dependencies: [
        "WindlassCore", "WindlassWire", "WindlassContracts", "WindlassSimulation", "ProcessFleet",
        "CLinux",
      ],
      // Compiled by the tests themselves, because it must not be a Swift program.
      exclude: ["Fixtures"], swiftSettings: strict),
    .testTarget(
      name: "KubernetesFleetTests",
      dependencies: [
        "WindlassContracts", "WindlassCore", "WindlassWire", "CurlTransport", "DeployedCluster",
        "KubernetesFleet", "SimulatedCluster", "WindlassSimulation", yams,
      ], swiftSettings: strict),
    .testTarget(
      name: "WindlassJournalTests",
      dependencies: [
        "WindlassCore", "WindlassSchema", "WindlassContracts", "WindlassJournal", "SQLiteDriver",
      ],
      swiftSettings: strict),
    .testTarget(
      name: "WindlassProofTests",
      dependencies: ["WindlassCore", "WindlassSchema", "WindlassWire", "WindlassProof"],
      swiftSettings: strict),
    .testTarget(
      name: "WindlassEngineTests",
      dependencies: ["WindlassCore", "WindlassEngine", "WindlassSimulation", logging] + lifecycle,
      swiftSettings: strict),
    .testTarget(
      name: "WindlassStatusTests", dependencies: ["WindlassCore", "WindlassStatus"] + nio,
      swiftSettings: strict),
    .testTarget(
      name: "WindlassSimulationTests",
      dependencies: ["WindlassContracts", "WindlassCore", "WindlassSimulation", "WindlassWire"],
      exclude: ["Transcripts"], swiftSettings: strict),
    .testTarget(
      name: "EndToEndTests",
      dependencies: [
        "windlass", "Beacon", "WindlassContracts", "WindlassCore", "WindlassSchema",
        "WindlassWire", "SQLiteDriver",
        "PostgresDriver", "MariaDBDriver",
        "CurlTransport",
        "ReleaseFeeds", "ProcessFleet", "KubernetesFleet", "WindlassProof", "SimulatedCluster",
        "WindlassSimulation", "CLinux", "CMariaDB", "CPostgres", "CSQLite",
      ], swiftSettings: strict),
    .testTarget(
      name: "CommandTests",
      dependencies: [
        "windlass", "WindlassContracts", "WindlassCore", "WindlassSchema", "WindlassWire",
        "WindlassJournal", "WindlassProof", "WindlassStatus", "KubernetesFleet", "ProcessFleet",
        "ReleaseFeeds", "MariaDBDriver",
        "PostgresDriver", "SQLiteDriver", "SimulatedCluster", "WindlassSimulation", argumentParser,
        yams,
      ],
      exclude: ["Goldens"], swiftSettings: strict),
    .testTarget(
      name: "BenchTests",
      dependencies: [
        "bench", "windlass", "KubernetesFleet", "ReleaseFeeds", "SimulatedCluster", "WindlassCore",
        "WindlassSimulation", "WindlassWire", logging,
      ], swiftSettings: strict),
    .testTarget(
      name: "OperatorTests",
      dependencies: [
        "windlass", "DeployedCluster", "KubernetesFleet", "ReleaseFeeds", "SimulatedCluster",
        "WindlassCore", "WindlassEngine", "WindlassSimulation", "WindlassStatus", "WindlassWire",
        logging,
      ], swiftSettings: strict + busy),
    .testTarget(name: "TidyTests", swiftSettings: strict),
  ]
)

// No other tests are run from that build.
if isForCampaigns {
  package.targets.removeAll { $0.name.hasSuffix("Tests") && $0.name != "OperatorTests" }
}
