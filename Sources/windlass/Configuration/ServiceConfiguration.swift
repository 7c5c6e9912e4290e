import WindlassCore
import WindlassProof
import WindlassSchema

/// One service under Windlass, as its ManagedService document says; checked whole.
struct ServiceConfiguration: Hashable, Sendable {
  var name: ServiceName
  var source: ManifestSource
  /// The channel whose releases are taken.
  var channel: String
  /// The versions that may be chosen as a target.
  var versions: VersionRange
  /// How long a release must have been published before a run starts.
  var minimumAge: Interval
  var database: DatabaseConfiguration
  var backup: BackupConfiguration
  var proof: ProofConfiguration
  var fleet: ProcessFleetConfiguration
  /// How the fleet is rolled; its `replicas` are the fleet's.
  var rollout: RolloutPolicy
  var policy: PolicyConfiguration
}

/// Where a service's signed manifest is.
struct ManifestSource: Hashable, Sendable {
  /// An `https:`, `http:` or `file:` URL.
  var url: String
  /// The name that the manifest must carry.
  var service: String
  /// The pause between two polls.
  var interval: Interval
  /// Minisign public keys, as the one line that `minisign -G` prints; one of them must have signed.
  var publicKeys: [String]
}

/// A service's database.
struct DatabaseConfiguration: Hashable, Sendable {
  /// What an instance calls the variable that holds the database's URL.
  struct Injection: Hashable, Sendable {
    var environmentVariable: String
  }

  /// The engines that a manifest may name.
  enum Engine: String, CaseIterable, Sendable { case sqlite, postgres, mysql, cockroachdb }

  /// Where the URL is read from.
  var source: DatabaseSource
  /// What the URL must lead to; nil to go by the URL.
  var engine: Engine?
  /// Where the URLs of single roles are read from; the main one stands for those that are absent.
  var roles: [DatabaseRole: DatabaseSource] = [:]
  /// How an instance is told its database; nil when it is not, and then no rehearsal can be.
  var injection: Injection?
  /// The longest wait for a lock that blocks others, per attempt.
  var lockBudget: Interval
  /// The longest hold of such a lock.
  var holdBudget: Interval
  /// Where the URLs of the replicas are read from that backfills wait for.
  var replicas: [DatabaseSource] = []
  /// The share of the time that a backfill works, in percent.
  var backfillShare = Bounds.backfillShareDefault
}

/// Where verified backups go.
struct BackupConfiguration: Hashable, Sendable {
  /// An absolute path; nil for a folder in the state directory.
  var directory: String?
  /// Backups kept per service.
  var keep: Int
}

/// How a release is proven before it is trusted.
struct ProofConfiguration: Hashable, Sendable {
  /// What a rehearsed artifact is kept from.
  enum Isolation: String, CaseIterable, Sendable {
    /// It reaches nothing but loopback and its scratch database.
    case network
    /// Nothing; the operator wrote so.
    case none
  }

  /// How much a release must show; less than a rehearsal is a waiver.
  var requirement: ProofRequirement
  /// The server for scratch databases; nil for the one of the database itself. SQLite has none.
  var scratch: DatabaseSource?
  /// Variables that a rehearsed artifact gets in addition, or instead.
  var environment: [String: String]
  var isolation: Isolation
}

/// A fleet of processes on this machine.
struct ProcessFleetConfiguration: Hashable, Sendable {
  /// The program and its arguments; `{artifact}` is the folder of the unpacked release.
  var command: [String]
  /// Variables that each instance gets beside its sockets and its database.
  var environment: [String: String]
  /// Instances that should be ready.
  var replicas: Int
  var listeners: [ListenerConfiguration]
  /// The path that answers with a 2xx status when an instance is ready.
  var readinessPath: String
  /// The path whose JSON reply tells an instance's version.
  var versionPath: String
  /// Where in that reply the version stands (RFC 6901).
  var versionPointer: String
  /// Time after SIGTERM in which accepted requests end.
  var drain: Interval
  /// Time from there to SIGKILL.
  var grace: Interval
}

/// A listening socket that all instances share.
struct ListenerConfiguration: Hashable, Sendable {
  /// The name by which an instance knows it (`LISTEN_FDNAMES`).
  var name: String
  var address: NetworkAddress
}

/// A person's rules about starting runs.
struct PolicyConfiguration: Hashable, Sendable {
  /// Whether a run waits for `windlass approve`.
  enum Approval: String, CaseIterable, Sendable { case never, always }

  var approval: Approval
  /// Whether no new run starts.
  var isPaused: Bool
}
