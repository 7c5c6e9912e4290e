import WindlassCore
import WindlassWire

/// A trust store in one file: a line with the SHA-256 of the rest, and the state as JSON.
///
/// The file must be this process's alone, as the state directory's lock grants.
package actor FileTrustStore: TrustStore {
  private static let header = "windlass trust 1 "
  private let executor = FileExecutor()
  private let path: String

  package nonisolated var unownedExecutor: UnownedSerialExecutor {
    executor.asUnownedSerialExecutor()
  }

  /// Keeps the state at that path, whose directory has to be there.
  package init(path: String) { self.path = path }

  package func load() async throws(TrustStoreError) -> TrustState {
    let bytes: [UInt8]
    do throws(FileError) {
      bytes = try RegularFile.read(path, sizeMax: Bounds.trustStateSizeMax, trust: .ownerOnly)
    } catch {
      if error.isMissing { return .empty }
      throw TrustStoreError(
        .unreadable,
        "The record of trusted manifests can't be read: \(error). Nothing is trusted"
          + " until it can.")
    }
    guard let end = bytes.firstIndex(of: 0x0A) else { throw corrupt }
    let body = Array(bytes[(end + 1)...])
    let header = FileTrustStore.header + Sodium.sha256(body).text
    let limits = JSONLimits(sizeMax: Bounds.trustStateSizeMax)
    guard bytes[..<end].elementsEqual(header.utf8),
      // Any failure to read means the same: these are not the bytes that were written.
      let json = try? JSONValue.parse(body, limits: limits), let state = TrustState(json)
    else { throw corrupt }
    return state
  }

  package func save(_ state: TrustState) async throws(TrustStoreError) {
    let body = state.json.bytes
    let header = FileTrustStore.header + Sodium.sha256(body).text + "\n"
    do throws(FileError) {
      try RegularFile.replace(path, with: Array(header.utf8) + body)
    } catch {
      throw TrustStoreError(
        .unwritable,
        "The record of trusted manifests can't be saved: \(error). The new manifest"
          + " is not used until it can; free space, or give this user the right to write.")
    }
  }

  private var corrupt: TrustStoreError {
    TrustStoreError(
      .corrupt,
      "The record of trusted manifests at \(path) was changed or damaged, so that an"
        + " attack with an old manifest could not be noticed. Restore the file; or, if you are"
        + " sure of the manifest that is published now, delete it.")
  }
}
