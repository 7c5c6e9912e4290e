import CLinux
import Dispatch
import Glibc
import Synchronization
import WindlassCore

/// The checksums of a directory's files, made on a thread of their own while this one asks the
/// database what was applied.
///
/// They are good for the first comparison alone: whoever compares again, after waiting for a lock,
/// looks at the files again.
package final class MigrationSums: Sendable {
  private let directory: MigrationDirectory
  /// Where the next piece begins.
  private let next = Atomic<Int>(0)
  /// The pieces that are made, in any order; nil once they were taken.
  private let pieces = Mutex<[Piece]?>([])
  /// The pieces under way; a thread enters before it takes one.
  private let work = DispatchGroup()

  private struct Piece: Sendable {
    var start: Int
    var sums: [SHA256Sum?]
  }

  /// How many files a thread takes at a time. For no more than that none is begun: it would cost
  /// more than the files do.
  private static let pieceSize = 64

  /// Begins with the files at once.
  package init(of directory: MigrationDirectory) {
    self.directory = directory
    guard directory.entries.count > Self.pieceSize else { return }
    begin()
  }

  /// Begins a thread of its own, which ends with the files; where none is to be had, whoever takes
  /// the sums makes them all.
  private func begin() {
    let kept = Unmanaged.passRetained(self)
    var thread = pthread_t()
    let code = pthread_create(
      &thread, nil,
      { context in
        guard let context else { return nil }
        // Two threads that open files in one table of descriptors wait for each other.
        _ = clinux_own_descriptors()
        Unmanaged<MigrationSums>.fromOpaque(context).takeRetainedValue().makePieces()
        return nil
      }, kept.toOpaque())
    if code == 0 { pthread_detach(thread) } else { kept.release() }
  }

  /// The sums in the order of the directory's entries, nil for one that is not to be had in the
  /// short way; nil instead of all when they were taken before. This thread makes what is missing,
  /// and waits for the piece that another one is at, if it is.
  func take() -> [SHA256Sum?]? {
    makePieces()
    work.wait()
    let made = pieces.withLock { pieces in
      defer { pieces = nil }
      return pieces
    }
    guard let made else { return nil }
    var sums = [SHA256Sum?](repeating: nil, count: directory.entries.count)
    for piece in made {
      for (offset, sum) in piece.sums.enumerated() { sums[piece.start + offset] = sum }
    }
    return sums
  }

  /// Gives up what is not made yet, where nothing will be compared.
  func giveUp() { next.store(directory.entries.count, ordering: .releasing) }

  private func makePieces() {
    let entries = directory.entries
    var files: FileSums?
    while true {
      work.enter()
      defer { work.leave() }
      let start = next.add(Self.pieceSize, ordering: .acquiringAndReleasing).oldValue
      guard start < entries.count else { return }
      if files == nil { files = FileSums(at: directory.path) }
      var piece = Piece(start: start, sums: [])
      piece.sums.reserveCapacity(Self.pieceSize)
      for entry in entries[start..<min(start + Self.pieceSize, entries.count)] {
        piece.sums.append(entry.upFile.flatMap { files?.sum(of: $0) })
      }
      pieces.withLock { $0?.append(piece) }
    }
  }
}
