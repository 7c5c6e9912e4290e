/// What the caller of a failed step does next; set by the driver, which alone knows.
public enum Disposition: String, Codable, Sendable {
  /// The world may be better in a moment: try again, within bounds.
  case retry
  /// Something outside has to happen first; look again later, without a count.
  case wait
  /// Trying again can't help.
  case stop
}

/// Why a step failed, with what to do about it.
public struct StepFailure: Error, Hashable, Codable, Sendable, CustomStringConvertible {
  /// A stable CamelCase word, such as `DiskFull`; bounded, so it may label a metric.
  public var code: String
  public var disposition: Disposition
  /// What happened, to which object, and what to do next; no secrets.
  public var message: String
  /// Whether the release itself is to blame, so that it is quarantined. Lock, disk, network and
  /// database failures never are.
  public var blamesRelease: Bool

  public init(
    code: String, disposition: Disposition, message: String, blamesRelease: Bool = false
  ) {
    self.code = code
    self.disposition = disposition
    self.message = message
    self.blamesRelease = blamesRelease
  }

  public var description: String { "\(code): \(message)" }
}
