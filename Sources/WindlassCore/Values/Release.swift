/// Why a release was withdrawn, and what to do instead.
public struct Yank: Hashable, Codable, Sendable {
  public var reason: String
  public var remedy: String

  public init(reason: String, remedy: String) {
    self.reason = reason
    self.remedy = remedy
  }
}

/// A file to fetch, pinned by digest.
public struct ArchiveReference: Hashable, Codable, Sendable {
  public var url: String
  public var digest: Digest
  /// The file's exact size and the most that it may unpack to per entry list, in bytes.
  public var size: Int64

  public init(url: String, digest: Digest, size: Int64) {
    self.url = url
    self.digest = digest
    self.size = size
  }
}

/// The queries that a release's server is known to ask, in a file that is pinned by digest.
public struct QueriesReference: Hashable, Codable, Sendable {
  public var url: String
  public var digest: Digest

  public init(url: String, digest: Digest) {
    self.url = url
    self.digest = digest
  }
}

/// One question to a server whose reply tells whether it works.
public struct Probe: Hashable, Codable, Sendable {
  public var name: String
  public var method: String
  public var path: String
  /// The request's body as JSON text, or nil for none.
  public var body: String?
  public var expectedStatus: Int
  /// JSON pointers (RFC 6901) into the reply, and the JSON text that each must equal.
  public var expectedValues: [String: String]
  /// JSON pointers into the reply whose values later probes may use as `{name}`, by name.
  public var captures: [String: String]
  /// Whether live instances may be asked, and not only instances on a scratch copy.
  public var isSafe: Bool

  public init(
    name: String, method: String, path: String, body: String? = nil, expectedStatus: Int = 200,
    expectedValues: [String: String] = [:], captures: [String: String] = [:], isSafe: Bool = false
  ) {
    self.name = name
    self.method = method
    self.path = path
    self.body = body
    self.expectedStatus = expectedStatus
    self.expectedValues = expectedValues
    self.captures = captures
    self.isSafe = isSafe
  }
}

/// A version of the service as one database engine sees it.
public struct Release: Hashable, Codable, Sendable {
  public var version: Version
  public var channel: String
  public var published: Timestamp
  public var severity: String
  /// Markdown, untrusted as text: shown escaped, never followed.
  public var notes: String
  public var yank: Yank?
  /// Releases that may hop straight to this one; nil means any lower version.
  public var upgradeFrom: VersionRange?
  /// Whether a path may not jump over this release.
  public var isRequiredStop: Bool
  public var artifact: ArchiveReference?
  /// A container image with its digest, where the release has one.
  public var image: String?
  public var window: SchemaWindow
  /// Every migration above the previous release's, ascending.
  public var migrations: [Migration]
  /// The complete migration directory from the first file on; nil without migrations of its own.
  public var migrationArchive: ArchiveReference?
  /// The queries that its server asks; nil where nobody published them.
  public var queries: QueriesReference?
  public var probes: [Probe]

  public init(
    version: Version, channel: String = "stable",
    published: Timestamp = Timestamp(milliseconds: 0), severity: String = "normal",
    notes: String = "", yank: Yank? = nil, upgradeFrom: VersionRange? = nil,
    isRequiredStop: Bool = false, artifact: ArchiveReference? = nil, image: String? = nil,
    window: SchemaWindow, migrations: [Migration] = [],
    migrationArchive: ArchiveReference? = nil, queries: QueriesReference? = nil,
    probes: [Probe] = []
  ) {
    self.version = version
    self.channel = channel
    self.published = published
    self.severity = severity
    self.notes = notes
    self.yank = yank
    self.upgradeFrom = upgradeFrom
    self.isRequiredStop = isRequiredStop
    self.artifact = artifact
    self.image = image
    self.window = window
    self.migrations = migrations
    self.migrationArchive = migrationArchive
    self.queries = queries
    self.probes = probes
  }

  /// What tells two builds of one version apart: the artifact's digest, or the image.
  public var build: String { artifact?.digest.text ?? image ?? "" }

  /// The digest in the image's reference; nil without an image, or with one that a tag names.
  public var imageDigest: Digest? {
    guard let image, let mark = image.lastIndex(of: "@") else { return nil }
    let named = image[image.index(after: mark)...]
    guard named.hasPrefix("sha256:") else { return nil }
    let digest = Digest(String(named.dropFirst("sha256:".count)))
    return digest.isWellFormed ? digest : nil
  }
}
