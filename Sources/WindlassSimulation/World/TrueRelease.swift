package import WindlassCore

/// What a release's server does when it runs.
package enum Behaviour: Hashable, Sendable {
  case good
  case neverReady
  /// It ends by itself that long after it became ready.
  case crashes(after: Interval)
  /// It is ready for one length of time and unready for another, again and again.
  case flaps(ready: Interval, unready: Interval)
  /// It reports another version.
  case lies
  /// It is ready, and its live probes fail.
  case failsProbes
}

/// What a release really is, whatever its manifest says.
package struct TrueRelease: Sendable {
  /// As published first; a later manifest may widen its window.
  package var release: Release
  /// The schema versions that its server really works with.
  package var window: SchemaWindow
  package var behaviour: Behaviour
  /// Whether the release before can't work on what this one writes.
  package var writesUnreadable: Bool

  package init(
    release: Release, window: SchemaWindow, behaviour: Behaviour = .good,
    writesUnreadable: Bool = false
  ) {
    self.release = release
    self.window = window
    self.behaviour = behaviour
    self.writesUnreadable = writesUnreadable
  }
}
