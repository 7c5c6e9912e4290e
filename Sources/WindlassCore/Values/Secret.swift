/// Text that must not be shown: a database's URL, a password.
///
/// Printing, interpolating, dumping or reflecting it gives `***`; only `reveal()` gives the text,
/// and is called where the text leaves for the one place that needs it.
public struct Secret: Hashable, Sendable {
  private let text: String

  /// Wraps the text.
  public init(_ text: String) { self.text = text }

  /// The text itself, for the one that needs it; never for a message, log, journal or argument.
  public func reveal() -> String { text }
}

extension Secret: CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
  public var description: String { "***" }
  public var debugDescription: String { "***" }
  public var customMirror: Mirror { Mirror(self, children: []) }
}
