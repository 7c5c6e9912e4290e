/// How the program ends; scripts rest on these numbers.
enum ExitStatus: Int32, Sendable, CaseIterable {
  /// The work is done, or the verdict is safe.
  case done = 0
  /// The work failed: digest, disk, port, network, or no daemon.
  case failed = 1
  /// The command line or the configuration is wrong.
  case usage = 2
  /// A release was shown to be unsafe.
  case unsafe = 3
  /// Nothing could be shown about a release.
  case unknown = 4
  /// Something is still to do: migrations, an approval, a gate that did not open in time.
  case pending = 5
  /// The ledger is dirty, or an applied migration's file changed.
  case dirty = 6
  /// A lock was not obtained in time.
  case locked = 7
}
