import Synchronization
import WindlassCore

/// A file that is open under a path.
struct OpenFile: Sendable {
  /// The name that it was opened by.
  var path: String
  /// Open for reading and writing.
  var descriptor: Descriptor
}

/// Takes a download piece by piece: counts, digests and stores it.
final class DownloadSink: Sendable {
  private struct State {
    var digest = FileDigest()
    var size: Int64 = 0
    var failure: SystemError?
  }

  /// More came than there may be.
  struct Overflow: Error {}

  private let file: OpenFile
  private let limit: Int64
  private let state = Mutex(State())

  /// Stores at most `limit` bytes.
  init(file: OpenFile, limit: Int64) {
    self.file = file
    self.limit = limit
  }

  /// Takes a piece; throws, and so ends the transfer, when it is too much or can't be stored.
  func take(_ piece: UnsafeRawBufferPointer) throws {
    let fits: Bool
    do throws(SystemError) {
      fits = try store(piece)
    } catch {
      state.withLock { $0.failure = error }
      throw error
    }
    guard fits else { throw Overflow() }
  }

  /// Stores a piece; false when more than the limit came.
  func store(_ piece: UnsafeRawBufferPointer) throws(SystemError) -> Bool {
    let fits = state.withLock { state in
      state.size += Int64(piece.count)
      state.digest.update(piece)
      return state.size <= limit
    }
    guard fits else { return false }
    try Files.write(piece, to: file.descriptor, file.path)
    return true
  }

  /// Why a piece could not be stored, if that happened.
  var failure: SystemError? { state.withLock { $0.failure } }

  /// The digest and number of the bytes that came.
  func finish() -> (digest: Digest, size: Int64) {
    state.withLock { ($0.digest.finish(), $0.size) }
  }
}
