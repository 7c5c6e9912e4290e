/// A question which variant of a flag an entity sees.
struct EvaluationRequest: Codable, Sendable {
  /// Chosen by the client and returned as it is, so that a reply is known to belong to it.
  var requestID: String
  var flagKey: String
  var entityID: String
  /// Properties of the entity that segments compare.
  var context: [String: String]?
}

/// The answer to an evaluation.
struct EvaluationReply: Codable, Equatable, Sendable {
  /// Why the answer is what it is.
  enum Reason: String, Codable, Sendable {
    case disabled, outsideRollout, rule, weight
  }

  var requestID: String
  var flagKey: String
  var isEnabled: Bool
  /// The variant that the entity sees; absent when the flag is off for it.
  var variantKey: String?
  var reason: Reason
}

/// A flag to create or to change.
struct FlagRequest: Codable, Sendable {
  var requestID: String?
  /// Letters, digits, `.`, `_` and `-`, at most 128.
  var key: String
  var name: String
  var isEnabled: Bool
  /// 0 to 100; absent means all.
  var rolloutPercent: Int64?
}

/// A flag as it is stored.
struct FlagReply: Codable, Equatable, Sendable {
  var requestID: String?
  var key: String
  var name: String
  var isEnabled: Bool
  var rolloutPercent: Int64
  /// Grows by one with each change.
  var revision: Int64
}

/// All flags, by key.
struct FlagListReply: Codable, Equatable, Sendable {
  var flags: [FlagReply]
}

/// A recorded change of a flag.
struct AuditEntry: Codable, Equatable, Sendable {
  var flagKey: String
  var revision: Int64
}

/// The latest changes, newest first.
struct AuditReply: Codable, Equatable, Sendable {
  var entries: [AuditEntry]
}

/// What was received of an upload.
struct UploadReply: Codable, Equatable, Sendable {
  var bytes: Int64
  /// FNV-1a of the body, 64 bits, in 16 hexadecimal digits.
  var digest: String
}

/// How the server is.
struct HealthReply: Codable, Equatable, Sendable {
  var status: String
}

/// Which release answers.
struct VersionReply: Codable, Equatable, Sendable {
  var version: String
}

/// Why a request failed.
struct ErrorReply: Codable, Equatable, Sendable {
  var error: String
  /// The statement that the database refused.
  var query: String?
}
