import Glibc

/// Looks at the processes beside this one, in a pod whose containers see each other.
package enum NeighbourWatch {
  /// Whether one of them holds the file of an SQLite database open; false for the URL of any other
  /// database, and for processes of another user.
  package static func holdsOpen(databaseURL: String) -> Bool {
    guard let file = OpenFileWatch.file(ofDatabaseURL: databaseURL) else { return false }
    let others = ProcessTable.pids().filter { $0 != getpid() }
    return OpenFileWatch.isOpen(OpenFileWatch.files(ofDatabase: file), in: others)
  }
}
