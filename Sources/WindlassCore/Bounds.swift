/// Every bound of Windlass: sizes, counts, retries and waits, each named once.
///
/// A loop, queue, body, list, retry or wait without an entry here is a defect (invariant B1).
public enum Bounds {
  // Text
  /// Bytes of a version's text.
  public static let versionLengthMax = 256
  /// Bytes of a version range's text.
  public static let versionRangeLengthMax = 1_024
  /// Bytes of a name: of a service, a channel, an engine, a probe.
  public static let nameLengthMax = 128

  // Manifest and feeds
  /// Bytes of a release manifest.
  public static let manifestSizeMax = 1_048_576
  /// Bytes of a signature file.
  public static let signatureSizeMax = 4_096
  /// Bytes of one comment in a signature file; two of them fit beside the signatures.
  public static let signatureCommentMax = 1_024
  /// Public keys that one service may trust.
  public static let publicKeysMax = 16
  /// Nesting of a JSON document.
  public static let jsonDepthMax = 32
  /// Members of one JSON object, and elements of one array.
  public static let jsonElementsMax = 100_000
  /// Nesting that no caller can raise the limit above: the parser recurses.
  public static let jsonDepthLimit = 256
  /// Bytes of one number in a JSON document.
  public static let jsonNumberLengthMax = 128
  /// Probes of one release.
  public static let probesMax = 256
  /// Releases in one manifest.
  public static let releasesMax = 1_000
  /// Serials stay below this, so that every reader of JSON holds them exactly.
  public static let serialLimit: Int64 = 1 << 53
  /// Published versions whose digests are remembered for one key.
  public static let publishedReleasesMax = 10_000
  /// Bytes of the file that remembers what was trusted.
  public static let trustStateSizeMax = 8_388_608
  /// Answers "not modified" in a row before the whole manifest is asked for again.
  public static let unmodifiedAnswersMax = 60
  /// Bytes of one archive, whatever its manifest says.
  public static let archiveSizeMax: Int64 = 2_147_483_648
  /// Files in one archive.
  public static let archiveEntriesMax = 10_000
  /// Directories inside each other in one archive.
  public static let archiveDepthMax = 32
  /// Bytes of the list of files that is kept of an unpacked archive.
  public static let artifactIndexSizeMax = 16_777_216
  /// How often an archive may expand over its packed size.
  public static let archiveExpansionMax: Int64 = 100

  // HTTP
  /// Redirects followed for one request.
  public static let redirectsMax = 3
  /// Bytes of a reply's headers.
  public static let headerSizeMax = 65_536
  /// Transfers of one transport under way at the same time; the others wait within their deadline.
  public static let transfersMax = 256
  /// Transfers under way to one host and port.
  public static let transfersPerHostMax = 16
  /// Transfers that wait for their turn; one more is refused.
  public static let transfersWaitingMax = 10_000
  /// How long a connection is used before its peer's address and certificate are checked anew.
  public static let connectionLifetimeMax = Interval.minutes(10)
  /// How long an unused connection is kept for the next request.
  public static let connectionIdleMax = Interval.minutes(2)
  /// Bytes of a URL that is requested; redirects to signed URLs are long.
  public static let urlLengthMax = 8_192
  /// Time for a connection to stand.
  public static let connectTimeout = Interval.seconds(10)
  /// Time for a whole manifest request.
  public static let manifestTimeout = Interval.seconds(30)
  /// Time for a whole archive request.
  public static let archiveTimeout = Interval.minutes(10)
  /// The longest pause between two polls after failures.
  public static let pollBackoffMax = Interval.minutes(15)

  // Database
  /// Time that one attempt may wait for a lock that blocks others.
  public static let lockBudgetDefault = Interval.milliseconds(100)
  /// Time that a lock may be held.
  public static let holdBudgetDefault = Interval.seconds(1)
  /// Time in which a lock must be obtained, over all attempts.
  public static let lockDeadline = Interval.minutes(10)
  /// Time that a read waits for a lock; waiting to read blocks nobody.
  public static let readLockWait = Interval.seconds(5)
  /// The first pause's upper end between two attempts at a lock; it doubles.
  public static let lockRetryDelay = Interval.milliseconds(200)
  /// The longest pause between two attempts at a lock.
  public static let lockRetryDelayMax = Interval.seconds(10)
  /// Time that a server gives one statement that has no budget of its own.
  public static let statementDeadline = Interval.minutes(5)
  /// Time that a server keeps an open transaction of which it hears nothing.
  public static let idleTransactionDeadline = Interval.minutes(1)
  /// Time that a server has to say that it gave a statement up.
  public static let statementGrace = Interval.seconds(5)
  /// Pause between two looks of a server at whether its client is still there.
  public static let connectionCheckInterval = Interval.seconds(1)
  /// Pause between two looks of a client at whether anybody still waits for its statement.
  public static let cancellationPoll = Interval.milliseconds(50)
  /// The age at which a transaction counts as long before a migration.
  public static let longTransaction = Interval.minutes(1)
  /// Sessions that are named as holders of a lock.
  public static let blockersNamedMax = 5
  /// Statements that one transaction runs on a database without tables; the server has room for the
  /// locks of some thousand tables.
  public static let freshStatementsMax = 400
  /// Notices of a server that are kept.
  public static let noticesMax = 100
  /// Time for a statement for which no server waits: one that builds an index while others write,
  /// one on a database that no service uses yet.
  public static let concurrentIndexDeadline = Interval.hours(6)
  /// Steps of SQLite's virtual machine between two looks at the clock.
  public static let progressInterval = 1_000
  /// Bytes read of one of the kernel's tables, such as that of locks.
  public static let kernelTableSizeMax = 4_194_304
  /// Time that preflight waits for the write lock before it says that somebody holds it for long.
  public static let preflightLockDeadline = Interval.seconds(10)
  /// Bytes a second that a backup copies and hashes at least, for forecasts.
  public static let backupRateFloor: Int64 = 67_108_864
  /// Pages that one step of a backup copies, between two looks at the clock.
  public static let backupStepPages: Int32 = 4_096
  /// Time for a whole backup, or for its verification.
  public static let backupDeadline = Interval.hours(1)
  /// The age at which a forgotten scratch copy is removed; no rehearsal takes that long.
  public static let scratchAgeMax = Interval.hours(24)
  /// Definitions of one kind that a database may hold.
  public static let definitionsMax = 1_000_000
  /// Time for one of an engine's programs to tell its version.
  public static let programVersionDeadline = Interval.seconds(30)
  /// Time that a backup waits for a lock that keeps readers out.
  public static let backupLockWait = Interval.seconds(10)
  /// Bytes of a backup's manifest.
  public static let backupManifestSizeMax = 16_777_216
  /// Free bytes that stay on a file system beyond what a forecast needs.
  public static let freeSpaceMargin: Int64 = 16_777_216
  /// How far a restore without its target's fence goes beyond the backup's epoch, so that no
  /// daemon of the lost database holds the new number.
  public static let lostFenceStride: Int64 = 1_000_000
  /// Time that the lock between two processes is tried for, before it counts as held.
  public static let fileLockWait = Interval.milliseconds(250)
  /// Pause between two looks of a gate that waits.
  public static let gateInterval = Interval.milliseconds(250)
  /// How long somebody's transaction may have been open when a run begins to change a schema.
  public static let preflightTransactionAgeMax = Interval.seconds(60)
  /// Time for one query on a server that is no migration's statement.
  public static let queryDeadline = Interval.seconds(30)
  /// Time for a server to end a statement after it was told to.
  public static let interruptionDeadline = Interval.seconds(10)
  /// Time that one statement may take which lets readers and writers go on meanwhile.
  public static let onlineStatementDeadline = Interval.hours(6)
  /// Rows that one read returns; one more is an error.
  public static let rowsMax = 100_000
  /// Bytes of one migration file.
  public static let migrationSizeMax = 16_777_216
  /// Files of one migration directory.
  public static let migrationFilesMax = 20_000

  // Backfills
  /// Rows of a backfill's first batch where the file names no number.
  public static let backfillBatchDefault = 1_000
  /// Rows of one batch of a backfill.
  public static let backfillBatchMax = 100_000
  /// Time that one batch of a backfill is to take; its size follows.
  public static let backfillBatchTarget = Interval.milliseconds(200)
  /// The share of the time that a backfill works, in percent; it rests for the others.
  public static let backfillShareDefault = 50
  /// The longest rest after one batch, however slow it was.
  public static let backfillRestMax = Interval.seconds(60)
  /// How often a table is walked again for a backfill that is repeated until nothing changes.
  public static let backfillWalksMax = 20
  /// How often in a row one row of a backfill may exceed the hold budget before the backfill stops.
  public static let backfillStallsMax = 5
  /// Time after which a backfill that goes on lets the run look at everything else.
  public static let backfillSlice = Interval.seconds(10)
  /// Pause between two looks of a backfill that rests at whether it is to end.
  public static let backfillPoll = Interval.milliseconds(100)
  /// Pause between two looks at whether replicas and other sessions bear another batch.
  public static let backfillPressurePause = Interval.seconds(1)
  /// Time that a backfill waits for replicas and other sessions before an attempt has failed.
  public static let backfillPressureMax = Interval.hours(1)
  /// How far a replica may be behind while a backfill goes on.
  public static let backfillLagMax = Interval.seconds(5)
  /// What a replica may still have to take in while a backfill goes on, in bytes.
  public static let backfillBytesBehindMax: Int64 = 268_435_456
  /// Sessions that may wait for locks while a backfill goes on.
  public static let backfillWaitersMax = 8
  /// Threads that may run on a MySQL or MariaDB server while a backfill goes on.
  public static let backfillThreadsMax = 25
  /// Time for counting a table's rows, where the engine keeps no estimate.
  public static let backfillCountDeadline = Interval.milliseconds(250)

  // Runs
  /// Attempts at an effect that fails with a wish to retry.
  public static let effectAttemptsMax = 8
  /// Effects of a run that the look before each effect allows: only a history can count them.
  static let effectsJudgedMax = 1_000_000
  /// First pause before an effect is tried again; it doubles.
  public static let effectRetryDelay = Interval.milliseconds(250)
  /// Longest pause before an effect is tried again.
  public static let effectRetryDelayMax = Interval.seconds(30)
  /// First pause before a refused release is tried again; it doubles.
  public static let refusalDelay = Interval.seconds(30)
  /// Longest pause before a refused release is tried again.
  public static let refusalDelayMax = Interval.hours(1)
  /// People's decisions that wait for the action under way.
  public static let decisionsPendingMax = 100
  /// Time in which `agent --once` brings every service to rest.
  public static let onceDeadline = Interval.hours(24)
  /// Hops in one path.
  public static let pathHopsMax = 64
  /// Ended runs kept in the state; the journal keeps all.
  public static let runsRememberedMax = 50
  /// Dead instances remembered with their run.
  public static let instancesRememberedMax = 200

  // Fleet
  /// Copies of one service on one machine.
  public static let replicasMax = 64
  /// Time for one readiness or version answer.
  public static let probeTimeout = Interval.seconds(2)
  /// Bytes of a reply to the readiness or version question.
  public static let versionReplySizeMax: Int64 = 65_536
  /// Pause between two readings of a fleet while something changes.
  public static let fleetPollInterval = Interval.milliseconds(100)
  /// The pause between two readings of a workload while something changes, in times that a reading
  /// took: each is several requests to an authority that others ask as well.
  static let workloadPause: Int64 = 4
  /// The longest of these pauses.
  public static let workloadPauseMax = Interval.seconds(5)
  /// How old a reading of a workload may be when it comes, and still be decided on.
  public static let workloadReadingMax = Interval.minutes(1)
  /// How long a workload's service at rest goes by a ledger, in times that its reading took: each
  /// may be a program that a cluster has to find room for.
  static let ledgerUse: Int64 = 60
  /// The longest of these times.
  public static let ledgerUseMax = Interval.minutes(5)
  /// How old the reading of a ledger may be when it comes, and still be gone by at rest.
  public static let ledgerReadingMax = Interval.minutes(15)
  /// How long all instances of a release are gone before their owner is taken to want that.
  static let takenBackAfter = Interval.seconds(30)
  /// How long what the gate said may be acted on.
  public static let admissionLife = Interval.seconds(30)
  /// How long the gate may still answer by a state that is being replaced.
  static let admissionLag = Interval.seconds(30)
  /// How old the last reading of a fleet may be while the gate still says that it is open.
  public static let admissionSightMax = Interval.minutes(15)
  /// The same while a run is open, beside what a reading takes.
  public static let admissionSightInRun = Interval.minutes(1)
  /// Pause between two readings of a fleet at rest.
  public static let fleetIdleInterval = Interval.seconds(5)
  /// Restarts of crashed instances within `restartPeriod` before the fleet is called degraded.
  public static let restartsMax = 5
  /// The window in which restarts are counted.
  public static let restartPeriod = Interval.minutes(5)
  /// Deaths that nobody saw before the release is blamed for them.
  public static let unseenDeathsMax = 3
  /// The shortest time that an instance which was good may be unready before it counts as failed.
  public static let unreadyToleranceMin = Interval.seconds(1)
  /// The longest pause between two readings of a fleet over which readiness counts as
  /// uninterrupted.
  public static let readingGapMax = Interval.seconds(10)
  /// Bytes of an instance's log before it is rotated.
  public static let logSizeMax: Int64 = 16_777_216
  /// Rotated logs kept for an instance.
  public static let logsKept = 2
  /// Bytes of the end of a server's output that a report quotes.
  public static let outputTailMax = 4_096
  /// Log files kept of instances that are on record no more.
  public static let forgottenLogsKept = 64
  /// Instances on record in one fleet, dead ones included.
  public static let instancesKnownMax = 1_024
  /// Connections that may wait in the queue of a public listener; the kernel may hold fewer.
  public static let publicBacklog: Int32 = 4_096
  /// Connections that may wait in the queue of an instance's private listener.
  public static let privateBacklog: Int32 = 128
  /// When the public listeners are looked at after a start, because an instance may have changed
  /// their queue.
  public static let listenerChecks: [Interval] = [
    .milliseconds(50), .milliseconds(200), .seconds(1), .seconds(5), .seconds(30),
  ]
  /// Pause between two rounds of rotating logs and reaping orphans while instances live.
  public static let shimHousekeeping = Interval.seconds(5)
  /// Pause between two looks at the descendants of an instance that ended.
  public static let descendantPoll = Interval.milliseconds(20)
  /// Connections to one shim at a time.
  public static let shimClientsMax = 16
  /// How often a program is executed that somebody has open for writing.
  public static let executeAttemptsMax = 20
  /// Pause before such a program is executed again.
  public static let executeRetryDelay = Interval.milliseconds(10)
  /// How often a request is put to a shim whose connections break.
  public static let shimAttemptsMax = 5
  /// Pause before a shim is looked for again while another one starts or ends.
  public static let shimRetryDelay = Interval.milliseconds(10)
  /// Time for a shim that was started to answer.
  public static let shimStartTimeout = Interval.seconds(10)
  /// Time for one answer of a shim.
  public static let shimReplyTimeout = Interval.seconds(10)
  /// Pause between two looks of a launcher at its orders, when nothing wakes it up.
  public static let launcherPollInterval = Interval.milliseconds(200)
  /// How long a start waits for the launcher to take its order.
  public static let launcherPatience = Interval.seconds(5)
  /// Pause between two looks at whether the launcher has taken an order.
  public static let launcherLookInterval = Interval.milliseconds(20)
  /// Pause between two beats of a sidecar in its slot, each with what it sees and after a look at
  /// what it is told.
  public static let slotBeatInterval = Interval.seconds(1)
  /// How long a slot's beat may stand still before its instances are in doubt.
  public static let slotSilenceMax = Interval.seconds(15)
  /// Slots of one service: those of replicas that are gone stay until a person lets them go.
  public static let slotsMax = 256
  /// Bytes of what one slot holds.
  public static let slotSizeMax = 1_048_576
  /// How old what a slot shows as ready may be, and still count.
  public static let slotReadyMax = Interval.seconds(5)
  /// Time that lease and slots may be waited for behind locks of others.
  public static let slotLockDeadline = Interval.seconds(5)
  /// Pause between two looks at whether a sidecar has taken an order.
  public static let slotLookInterval = Interval.milliseconds(200)
  /// How long a start waits for a sidecar to take its order.
  public static let slotPatience = Interval.seconds(30)
  /// How long others wait for a leader's lease that stands still.
  public static let leaseLength = Interval.seconds(15)
  /// How long a leader goes on without a renewal.
  public static let leaseRenewalMax = Interval.seconds(10)
  /// Pause between two looks at the lease.
  public static let leaseInterval = Interval.seconds(2)
  /// States that sidecars keep of those that they remember together; only the newest is needed.
  public static let sharedStatesKept = 20
  /// Other records that sidecars keep of those that they remember together.
  public static let sharedRecordsKept = 10_000
  /// Pause between two moments at which the daemon gives back memory of code that ran once.
  public static let codePagesInterval = Interval.seconds(30)
  /// Bytes of the kernel's list of this process's mappings.
  public static let processMapSizeMax = 4_194_304
  /// Connections to the daemon's control socket that wait to be served.
  public static let controlConnectionsMax = 128
  /// Connections to the daemon's control socket that are served at a time.
  public static let controlServedMax = 16
  /// Time for one line of the control socket to arrive or to go.
  public static let controlLineTimeout = Interval.seconds(5)
  /// Time for the daemon's answer to a command.
  public static let controlTimeout = Interval.seconds(60)
  /// Bytes of one message between daemon, shim and command line.
  public static let controlMessageMax = 4_194_304

  // Configuration and journal
  /// Bytes of a configuration file.
  public static let configurationSizeMax = 1_048_576
  /// Bytes of a file that holds a database's URL.
  public static let databaseURLSizeMax = 8_192
  /// Words of one command.
  public static let commandWordsMax = 256
  /// Listening sockets of one service.
  public static let listenersMax = 16
  /// Services in one configuration file.
  public static let servicesMax = 64
  /// Bytes of one journal record's payload.
  public static let journalPayloadMax = 4_194_304
  /// Records of one service that the journal keeps when it is pruned.
  public static let journalRecordsKept = 20_000
  /// Bytes of payload that the journal keeps when it is pruned.
  public static let journalPayloadKept = 67_108_864
  /// Records that the journal checks at a time when it is opened.
  public static let journalVerifyPage = 1_000
  /// How long an append may wait for somebody who looks into the journal's database.
  public static let journalLockDeadline = Interval.seconds(10)
  /// How long a starting daemon waits for one that is just ending on the same state directory.
  public static let stateLockPatience = Interval.seconds(2)
  /// Pause before the state directory's lock is asked for again.
  public static let stateLockRetryDelay = Interval.milliseconds(20)
  /// How long a transaction on the journal may hold its lock; nobody else waits for it.
  public static let journalHoldBudget = Interval.seconds(30)
  /// Records that one reading of the journal returns.
  public static let journalPageMax = 10_000

  // Rehearsals and probes
  /// How often a release's probes are asked in each part of a rehearsal, so that a flaky one shows.
  public static let probeRoundsDefault = 2
  /// Most rounds that a configuration may ask for.
  public static let probeRoundsMax = 10
  /// Time for the whole reply to one probe.
  public static let probeDeadline = Interval.seconds(10)
  /// Bytes of a reply to a probe.
  public static let probeReplySizeMax: Int64 = 1_048_576
  /// Bytes of a probe's path or body after captured values were put in.
  public static let probeTextSizeMax = 1_048_576
  /// Time for a rehearsed server to become ready.
  public static let rehearsalReadinessDeadline = Interval.minutes(1)
  /// Pause between two questions for a rehearsed server's readiness.
  public static let rehearsalReadinessPause = Interval.milliseconds(25)
  /// Time for a whole rehearsal, after which it has shown nothing.
  public static let rehearsalDeadline = Interval.hours(1)
  /// Bytes of a file of recorded queries.
  public static let queriesSizeMax = 16_777_216
  /// Queries in such a file.
  public static let queriesMax = 10_000
  /// Bytes of one recorded query.
  public static let querySizeMax = 262_144
  /// The share of the recorded calls that must be shown to work before a copy is migrated, in
  /// percent; below it the queries show nothing.
  public static let queryCoverageMin = 90
  /// Characters of foreign text that one sentence of evidence quotes.
  public static let evidenceQuoteMax = 600
  /// Sentences of evidence that a verdict carries; the report has all.
  public static let evidenceLinesMax = 64
}
